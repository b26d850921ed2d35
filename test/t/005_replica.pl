# A streaming standby replays the index (hashes of 1024 bits, so that few rows make many pages, and are merged): the same
# answers in the same order, through inserts, deletes, vacuum and rebuilds; and, while the primary writes, those that the
# standby's table gives, or a serialization failure. SECONDS_EACH=n makes that part longer.
use strict;
use warnings;

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
# Replay compares every page it writes with the one that the primary wrote.
$primary->append_conf('postgresql.conf', "wal_consistency_checking = 'generic'\n");
$primary->start;
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->append_conf('postgresql.conf', "hot_standby_feedback = on\n");
$standby->start;

my $nearest = q(
	SET enable_seqscan = off;
	SET enable_sort = off;
	SELECT string_agg(d::text, ' ') FROM (SELECT h <~> repeat('c4ca4238a0b92382', 16)::imagehash AS d FROM photo ORDER BY h <~> repeat('c4ca4238a0b92382', 16)::imagehash LIMIT 500) s
	UNION ALL SELECT count(*)::text FROM photo WHERE hamming_within(h, repeat('c4ca4238a0b92382', 16)::imagehash, 470)
	UNION ALL SELECT count(*)::text FROM photo WHERE h IS NULL;
);

sub same_answers
{
	my ($what) = @_;
	$primary->wait_for_catchup($standby);
	is($standby->safe_psql('postgres', $nearest), $primary->safe_psql('postgres', $nearest), $what);
}

$primary->safe_psql(
	'postgres', q(
	CREATE EXTENSION imagehash;
	CREATE TABLE photo (id serial, h imagehash);
	INSERT INTO photo (h) SELECT repeat(md5(i::text), 8)::imagehash FROM generate_series(1, 5000) i;
	CREATE INDEX photo_h ON photo USING hamming (h);
));
same_answers('built');
for my $cycle (1 .. 3)
{
	$primary->safe_psql('postgres', "INSERT INTO photo (h) SELECT CASE WHEN i % 10 = 0 THEN NULL ELSE
		repeat(md5((i * $cycle)::text), 8)::imagehash END FROM generate_series(1, 8000) i");
	same_answers("cycle $cycle: inserted");
	$primary->safe_psql('postgres', "DELETE FROM photo WHERE id % 3 = $cycle % 3");
	same_answers("cycle $cycle: deleted");
	$primary->safe_psql('postgres', 'VACUUM photo');
	same_answers("cycle $cycle: vacuumed");
}
$primary->safe_psql('postgres', 'REINDEX INDEX photo_h');
same_answers('rebuilt');
$primary->safe_psql('postgres', 'DELETE FROM photo; VACUUM photo;');
same_answers('emptied');

# The standby is read while the primary writes, merges, vacuums and uses pages again, with feedback and without.
my $seconds = $ENV{SECONDS_EACH} // 5;
my $script = $primary->basedir . '/write.sql';
append_to_file($script, q(
\set r random(1, 1000000)
INSERT INTO photo (h) SELECT CASE WHEN i % 20 > 0 THEN overlay(repeat(md5(((:r + i) % 50)::text), 8) PLACING substr(md5((:r + i)::text), 1, 8) FROM 1)::imagehash END
	FROM generate_series(1, 100) i;
DELETE FROM photo WHERE id IN (SELECT id FROM photo WHERE id < (SELECT max(id) FROM photo) - 8000 LIMIT 200);
DELETE FROM photo WHERE id > (SELECT max(id) FROM photo) - 2000 AND id % 97 = :r % 97;
\if :client_id = 0
VACUUM photo;
\endif
));
my @questions = (
	'SELECT count(*), string_agg(d::text, $$ $$) FROM (SELECT h <~> (SELECT q FROM query) AS d FROM photo ORDER BY h <~> (SELECT q FROM query) LIMIT 300) s',
	'SELECT count(*), sum(id) FROM (SELECT id FROM photo ORDER BY h <~> (SELECT q FROM query) OFFSET 0) s',
	'SELECT count(*), count(h) FROM (SELECT h FROM photo ORDER BY h <~> (SELECT q FROM query) OFFSET 0) s',
	'SELECT count(*), sum(id) FROM photo WHERE hamming_within(h, (SELECT q FROM query), 16)',
	'SELECT count(*), sum(id) FROM photo WHERE h IS NULL');

sub read_while_writing
{
	my ($what) = @_;
	my ($asked, $answered, $differ, $other) = (0, 0, 0, 0);
	my ($out, $err) = ('', '');
	my $writers = IPC::Run::start([ 'pgbench', '--no-vacuum', '--client=2', "--time=$seconds", "--file=$script",
		'-h', $primary->host, '-p', $primary->port, 'postgres' ], '>', \$out, '2>', \$err);
	my $end = time + $seconds;
	while (time < $end)
	{
		my $question = $questions[ $asked++ % @questions ];
		$question =~ s/\(SELECT q FROM query\)/"repeat(md5('" . ($asked % 50) . "'), 8)::imagehash"/ge;
		my ($answers, $stderr) = ('', '');
		my $failed = $standby->psql('postgres', "\\set VERBOSITY sqlstate
			BEGIN ISOLATION LEVEL REPEATABLE READ;
			SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off;
			$question;
			SET LOCAL enable_seqscan = on; SET LOCAL enable_sort = on; SET LOCAL enable_indexscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_indexonlyscan = off;
			$question;
			COMMIT;", stdout => \$answers, stderr => \$stderr, on_error_stop => 1, on_error_die => 0);
		if ($failed)
		{
			# A conflict with replay: an error while a query runs, the end of the session before or between.
			next if $stderr =~ /(ERROR|FATAL):\s+40001|conflict with recovery|server closed the connection/;
			$other++;
			diag("$question: $stderr");
			next;
		}
		$answered++;
		my ($by_index, $by_table) = split /\n/, $answers;
		next if $by_index eq $by_table;
		$differ++;
		diag("$question: $by_index, not $by_table");
	}
	$writers->finish;
	unlike($err, qr/ERROR|FATAL|aborted/, "$what: the writers had no error") or diag($err);
	is("$differ differ, $other errors", '0 differ, 0 errors', "$what: the standby's index and table agree");
	note "$what: $asked questions, $answered answers";
	cmp_ok($answered, '>', 5, "$what: there were answers");
}

read_while_writing('with feedback');
$standby->append_conf('postgresql.conf', "hot_standby_feedback = off\nmax_standby_streaming_delay = 100ms\n");
$standby->reload;
read_while_writing('without feedback');
same_answers('at rest');
is($primary->safe_psql('postgres', q(SELECT imagehash_index_check('photo_h', true))), '', 'the index has every row');

# A standby that becomes the primary can write.
$standby->promote;
$standby->safe_psql('postgres', q(INSERT INTO photo (h) VALUES (repeat('c4ca4238a0b92382', 16)::imagehash)));
is( $standby->safe_psql('postgres',
	q(SET enable_seqscan = off; SELECT h <~> repeat('c4ca4238a0b92382', 16)::imagehash FROM photo ORDER BY h <~> repeat('c4ca4238a0b92382', 16)::imagehash LIMIT 1)),
	'0', 'promoted and written to');

$standby->stop;
$primary->stop;
done_testing();
