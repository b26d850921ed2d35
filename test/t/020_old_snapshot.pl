# old_snapshot_threshold lets vacuum remove rows that an old snapshot sees. A scan with that snapshot must not pass over them
# in silence: it raises 72000 as a sequential scan does. PostgreSQL 17 has no such setting.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('old_snapshot');
$node->init;
plan skip_all => 'PostgreSQL has no old_snapshot_threshold' if `postgres --version` =~ /PostgreSQL\) (\d+)/ && $1 >= 17;
# The shortest time with which vacuum removes rows early; the test takes two to three minutes, asleep.
$node->append_conf('postgresql.conf', "old_snapshot_threshold = 1min\nautovacuum = off\n");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION imagehash');

my $nearest = q(SELECT count(*) FROM (SELECT FROM %s ORDER BY h <~> 'c4ca4238a0b92382' LIMIT 2000) s);
my $within = q(SELECT count(*) FROM %s WHERE hamming_within(h, 'c4ca4238a0b92382', 64));
my @cases;
foreach my $rows (2000, 60000)
{
	push @cases,
		{ name => "$rows rows, by distance", rows => $rows, query => $nearest, change => 'DELETE FROM %s WHERE id %% 2 = 0' },
		{ name => "$rows rows, within a radius", rows => $rows, query => $within, change => 'DELETE FROM %s WHERE id %% 2 = 0' },
		{ name => "$rows rows, nulls", rows => $rows, query => 'SELECT count(*) FROM %s WHERE h IS NULL', change => 'DELETE FROM %s WHERE h IS NULL' },
		{ name => "$rows rows, after a merge", rows => $rows, query => $nearest,
		  change => 'DELETE FROM %s WHERE id > 500; INSERT INTO %1$s SELECT id, h FROM %1$s, generate_series(1, 4)' },
		{ name => "$rows rows, nothing removed", rows => $rows, query => $nearest, change => 'SELECT FROM %s', answer => '2000' };
}
foreach my $i (0 .. $#cases)
{
	my $case = $cases[$i];
	$case->{table} = "photo_$i";
	$case->{$_} = sprintf($case->{$_}, $case->{table}) foreach 'query', 'change';
	$node->safe_psql(
		'postgres', qq(
		CREATE TABLE $case->{table} (id int, h imagehash);
		INSERT INTO $case->{table} SELECT i, CASE WHEN i % 10 > 0 THEN substr(md5(i::text), 1, 16)::imagehash END
			FROM generate_series(1, $case->{rows}) i;
		CREATE INDEX ON $case->{table} USING hamming (h) WITH (pending_list_limit = 64);
		VACUUM ANALYZE $case->{table};));
}
foreach my $case (@cases)
{
	$case->{session} = $node->background_psql('postgres', on_error_stop => 0);
	$case->{session}->query_safe(q(SET enable_seqscan = off; SET enable_bitmapscan = off; BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1));
	$case->{session}->query('\set VERBOSITY verbose');
}
$node->safe_psql('postgres', $_->{change}) foreach @cases;
# Which snapshots are old is noted minute by minute, when others are taken.
foreach my $round (1 .. 100)
{
	$node->safe_psql('postgres', 'SELECT txid_current()');
	$node->safe_psql('postgres', "VACUUM $cases[0]->{table}");
	last if $node->safe_psql('postgres', qq(SELECT hashes FROM imagehash_index_stats('$cases[0]->{table}_h_idx'))) < 1500;
	sleep 2;
}
$node->safe_psql('postgres', "VACUUM $_->{table}") foreach @cases;
foreach my $case (@cases)
{
	my $answer = $case->{session}->query($case->{query});
	my $said = $case->{session}->{stderr} || $answer;
	if ($case->{answer})
	{
		is($said, $case->{answer}, $case->{name});
	}
	else
	{
		like($said, qr/ERROR:  72000: snapshot too old/, $case->{name});
	}
	$case->{session}->quit;
}
$node->stop;
done_testing();
