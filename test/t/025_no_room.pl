# A disk that is full: a tablespace on a small tmpfs, for builds, inserts that merge, and vacuum. Each failure is 53100; when there is room again
# everything works. And a merger that is stopped (SIGSTOP) for some seconds, SECONDS_EACH=60 for a minute, while others insert, scan and vacuum.
use strict;
use warnings;

use POSIX ();
use FindBin;
use lib "$FindBin::RealBin/../lib";
use IndexAgainstTable;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seconds = $ENV{SECONDS_EACH} // 2;
# run_all.sh mounts it where it is root; the server is not.
my $small = $ENV{IMAGEHASH_SMALL_DISK};

my $node = PostgreSQL::Test::Cluster->new('no_room');
$node->init;
$node->append_conf('postgresql.conf', "autovacuum = off\nfsync = off\njit = off\nmax_parallel_maintenance_workers = 2\n");
$node->start;
my $query = q(repeat('c4ca4238a0b92382', 16)::imagehash);
$node->safe_psql(
	'postgres', qq(
	CREATE EXTENSION imagehash;
	CREATE FUNCTION picture(i int) RETURNS imagehash LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
		\$\$ SELECT overlay(repeat(md5((i % 300)::text), 8) PLACING md5(i::text) FROM 1)::public.imagehash \$\$;
	CREATE TABLE photo (id serial, h imagehash(1024)) WITH (parallel_workers = 2);
	INSERT INTO photo (h) SELECT CASE WHEN i % 20 > 0 THEN picture(i) END FROM generate_series(1, 10000) i;
	$by_order));

sub error_of
{
	my ($sql) = @_;
	my ($status, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\n$sql");
	return $err;
}

SKIP:
{
	skip 'no small disk: that takes root', 1 unless $small;
	my $full = qr/ERROR:  53100: could not (extend|write).*(No space left on device|wrote only)/;
	$node->safe_psql('postgres', "CREATE TABLESPACE small LOCATION '$small'");
	my $ballast = "$small/ballast";
	my $used = sub { my ($free) = (split ' ', (split /\n/, `df --output=avail -k '$small'`)[1])[0]; return $free };
	# Leaves so many kilobytes.
	my $leave = sub { unlink $ballast; my $take = $used->() - $_[0]; system_or_bail('fallocate', '-l', $take * 1024, $ballast) if $take > 0 };
	my $failed = 0;

	my $create = 'CREATE INDEX photo_h ON photo USING hamming (h) TABLESPACE small';
	foreach my $way ('SET max_parallel_maintenance_workers = 0', 'SET max_parallel_maintenance_workers = 2', q(SET temp_tablespaces = small; SET maintenance_work_mem = '1MB'))
	{
		foreach my $left (0, 100, 800)
		{
			$leave->($left);
			my $said = error_of("$way; $create");
			like($said, $full, "$way: no build in $left kB");
			$failed++;
		}
	}
	unlink $ballast;
	is($node->safe_psql('postgres', "$create; SELECT count(*) FROM pg_class WHERE relname LIKE 'photo_h%'"), '1', 'with room it is built');
	is(fault($node), '', '... and right');

	# Rows in other tablespaces, their entries in this one: in a list that has room, in one that has none, through a merge.
	$leave->(400);
	my $err = '';
	for (my $n = 0; $n < 40 && $err eq ''; $n++)
	{
		$err = error_of("INSERT INTO photo (h) SELECT picture(i) FROM generate_series($n * 500, $n * 500 + 499) i");
	}
	like($err, $full, 'inserts find no room in the end');
	like(error_of('INSERT INTO photo (h) SELECT picture(i) FROM generate_series(1, 2000) i'), $full, '... and go on finding none');
	is(fault($node), '', '... what was inserted before is there');
	$failed += 2;
	$node->safe_psql('postgres', 'DELETE FROM photo WHERE id % 3 = 0');
	# It takes out what is dead without room, and merges where that leaves some.
	my $said = error_of('VACUUM photo');
	like($said, qr/^$|$full/, 'vacuum runs without room, or says so');
	$failed++ if $said ne '';
	is(fault($node), '', '... and the index is right');
	unlink $ballast;
	is(error_of('VACUUM photo; INSERT INTO photo (h) SELECT picture(i) FROM generate_series(1, 9000) i; VACUUM photo'), '', 'with room all of it works');
	is(fault($node), '', '... and the index is right');
	note "measured: survived $failed times a full disk";
	$node->safe_psql('postgres', 'DROP INDEX photo_h; DROP TABLESPACE small');
}

# A merger stands still, wherever SIGSTOP meets it; with a list of 8 pages an inserter of 100 rows merges every fourth or fifth time.
$node->safe_psql('postgres', 'DROP INDEX IF EXISTS photo_h; CREATE INDEX photo_h ON photo USING hamming (h) WITH (pending_list_limit = 64)');
my $merger = $node->background_psql('postgres', on_error_stop => 0);
my $pid = $merger->query_safe('SELECT pg_backend_pid()');
$merger->{stdin} .= q(DO $$ BEGIN FOR n IN 1 .. 100000 LOOP INSERT INTO photo (h) SELECT picture(n + i) FROM generate_series(1, 100) i;
	DELETE FROM photo WHERE id < (SELECT max(id) FROM photo) - 12000; COMMIT; END LOOP; END $$;) . "\n";
$merger->{run}->pump_nb;
my $held = 0;
for (1 .. 600)
{
	# While it holds the lock on the structure.
	kill 'STOP', $pid;
	my $holds = $node->safe_psql('postgres', qq(SELECT count(*) FROM pg_locks WHERE pid = $pid AND locktype = 'page' AND granted AND relation = 'photo_h'::regclass));
	if ($holds eq '1')
	{
		$held = 1;
		last;
	}
	kill 'CONT', $pid;
	select(undef, undef, undef, 0.01);
}
is($held, 1, 'a merger was stopped');
# It may have a page or a part of WAL locked, for which others wait, and nothing but its going on ends that: somebody else sees to it.
my $waker = fork // die $!;
if ($waker == 0)
{
	sleep $seconds;
	kill 'CONT', $pid;
	POSIX::_exit(0);
}
my $vacuum = $node->background_psql('postgres', on_error_stop => 0);
$vacuum->{stdin} .= "VACUUM photo;\n";
$vacuum->{run}->pump_nb;
my ($times, $said, $end) = (0, '', time + $seconds);
while (time < $end)
{
	$said .= error_of("INSERT INTO photo (h) SELECT picture(i) FROM generate_series(1, 200) i; SET enable_seqscan = off; SET enable_sort = off;
		SELECT count(*) FROM (SELECT h FROM photo ORDER BY h <~> $query LIMIT 100) s");
	$times++ if time < $end;
}
waitpid($waker, 0);
is($said, '', 'others insert and search, or wait');
$vacuum->query_safe('SELECT 1');
is($node->safe_psql('postgres', qq(SELECT pg_cancel_backend($pid))), 't', 'the merger went on until it was cancelled, and vacuum came to its end');
$merger->query('SELECT 1');
note "measured: a merger was stopped for $seconds s: $times times others inserted and searched meanwhile";
is(fault($node), '', 'the index is right');
$vacuum->quit;
$merger->quit;
$node->stop;
done_testing();
