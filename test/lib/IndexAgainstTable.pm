# Whether the index photo_h gives what its table photo has: what several TAP tests ask of their servers.
package IndexAgainstTable;
use strict;
use warnings;

use Exporter 'import';
our @EXPORT = qw(differing_answers $by_order fault);

# A question with the hash q in it, asked with the index and without, in one snapshot. Returns '' where the answers are the same, else what was
# asked, of which hash (an expression), and both answers.
sub differing_answers
{
	my ($node, $question, $query) = @_;
	$question =~ s/\bq\b/(SELECT q FROM query)/g;
	my $answers = $node->safe_psql(
		'postgres', "
		CREATE TEMP TABLE query AS SELECT $query AS q;
		BEGIN ISOLATION LEVEL REPEATABLE READ;
		SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off;
		$question;
		SET LOCAL enable_seqscan = on; SET LOCAL enable_sort = on; SET LOCAL enable_indexscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_indexonlyscan = off;
		$question;
		COMMIT;");
	my ($by_index, $by_table) = split /\n/, $answers;
	return $by_index eq $by_table ? '' : "$question, $query: $by_index, not $by_table";
}

# The view says whether a scan in order finds every row of 1024 bits once; made where there is the table.
our $by_order = q(
	CREATE VIEW by_order AS SELECT i.n = t.n AND i.sum = t.sum FROM
		(SELECT count(*) AS n, sum(id) FROM (SELECT id FROM photo ORDER BY h <~> repeat('c4ca4238a0b92382', 16)::imagehash OFFSET 0) s) i,
		(SELECT count(*) AS n, sum(id) FROM photo) t;);

# Why the index is not right, by its check and by the view; '' where it is.
sub fault
{
	my ($node) = @_;
	my ($status, $out, $err) = $node->psql(
		'postgres', q(SELECT imagehash_index_check('photo_h', heapallindexed => true);
		SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off; TABLE by_order;));
	return $out eq "\nt" ? $err : "$out $err";
}

1;
