# Pages that have left the index and wait for a snapshot must not hide those behind them that are free: an inserter that needs one would add it to the
# file, and the file would grow without end. There is always a snapshot that is older than the last merges, but never than those before.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('reuse');
$node->init;
$node->append_conf('postgresql.conf', "autovacuum = off\nfsync = off\njit = off\n");
$node->start;
$node->safe_psql(
	'postgres', q(
	CREATE EXTENSION imagehash;
	CREATE TABLE photo (id serial, h imagehash);
	CREATE FUNCTION picture(i int) RETURNS imagehash LANGUAGE sql AS
		$$ SELECT overlay(repeat(md5((i % 300)::text), 8) PLACING md5(i::text) FROM 1 + 8 * (i % 27))::imagehash $$;
	INSERT INTO photo (h) SELECT picture(i) FROM generate_series(1, 20000) i;
	CREATE INDEX photo_h ON photo USING hamming (h) WITH (pending_list_limit = 128);));

# Each row a transaction: a merge every 16 pages of 56 rows. As many rows go.
my $n = 0;
sub merges
{
	my ($count) = @_;
	my $rows = $count * 900;
	$n += $rows;
	$node->safe_psql('postgres', "INSERT INTO photo (h) SELECT picture($n + i) FROM generate_series(1, $rows) i");
	$node->safe_psql('postgres', "DELETE FROM photo WHERE id <= (SELECT min(id) FROM photo) + $rows - 1; VACUUM photo");
}
sub snapshot
{
	my $session = $node->background_psql('postgres');
	$session->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
	return $session;
}
my $pages = sub { return $node->safe_psql('postgres', q(SELECT pg_relation_size('photo_h') / 8192)) };

# A file that has room, since an old snapshot held it.
my $old = snapshot();
merges(4) for 1 .. 5;
$old->quit;
merges(1);
my @sizes;
for (1 .. 24)
{
	my $next = snapshot();
	merges(1);
	$old->quit if $_ > 1;
	$old = $next;
	push @sizes, $pages->();
}
$old->quit;
note "measured: pages beside a snapshot: @sizes";
is($node->safe_psql('postgres', q(SELECT imagehash_index_check('photo_h', heapallindexed => true))), '', 'the index has every row');
cmp_ok($sizes[-1], '<=', $sizes[2] * 1.005, 'free pages are found behind those that wait');
$node->stop;
done_testing();
