# A backend is killed, or fails, at each test point (src/index/store/test_point.h) of each operation that reaches it: of an insert that merges, of
# vacuum, of builds and of scans. After each the index has every row of the table and no other, and the session of a failed statement goes on.
# The pages have checksums. SEED=n repeats a run; SECONDS_EACH=n goes on for so long.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'the module with test points is not built' unless $ENV{IMAGEHASH_TEST_POINTS};
my $seed = $ENV{SEED} // int(rand(1e6));
my $seconds = $ENV{SECONDS_EACH} // 0;
note "seed $seed";
srand($seed);

(my $install_path = $ENV{IMAGEHASH_TEST_POINTS}) =~ s{/bin$}{};
my $node = PostgreSQL::Test::Cluster->new('deaths', install_path => $install_path);
$node->init(extra => ['--data-checksums']);
# Small buffers: pages reach the disk in every state of a change.
$node->append_conf('postgresql.conf',
	"shared_buffers = 1MB\nfsync = off\nrestart_after_crash = on\nautovacuum = off\nmax_wal_size = 64MB\nwal_level = replica\nshared_preload_libraries = imagehash\nmax_parallel_maintenance_workers = 2\n");
$node->start;
# A page holds 56 entries of 1024 bits: a full list is merged every 450 rows, into a tier that is large enough for leaves.
my $hash = q(overlay(repeat(md5((i % 300)::text), 8) PLACING md5(i::text) FROM 1)::imagehash);
$node->safe_psql(
	'postgres', qq(
	CREATE EXTENSION imagehash;
	CREATE TABLE photo (id serial, h imagehash(1024)) WITH (parallel_workers = 2);
	INSERT INTO photo (h) SELECT CASE WHEN i % 20 > 0 THEN $hash END FROM generate_series(1, 9000) i;
	CREATE INDEX photo_h ON photo USING hamming (h) WITH (pending_list_limit = 64);));

my $insert = "INSERT INTO photo (h) SELECT $hash FROM generate_series(:n, :n + 600) i;";
my %operations = (
	insert => [ '', $insert ],
	'insert of nulls' => [ 'DELETE FROM photo WHERE h IS NULL; VACUUM photo;', 'INSERT INTO photo (h) SELECT NULL FROM generate_series(1, 1600) i;' ],
	# What a merge left behind that failed, a worn tier, free pages.
	vacuum => [
		"REINDEX INDEX photo_h; SET imagehash.test_points = 'merge-written=error';\n$insert\nRESET imagehash.test_points;
		DELETE FROM photo WHERE id <= (SELECT min(id) FROM photo) + 1000; DELETE FROM photo WHERE id % 9 = :n % 9;\n$insert",
		'VACUUM photo;' ],
	build => [ '', "SET max_parallel_maintenance_workers = 0;\nREINDEX INDEX photo_h;" ],
	'parallel build' => [ '', 'REINDEX INDEX photo_h;' ],
	scan => [ '', q(SET enable_seqscan = off; SELECT count(*) FROM (SELECT h FROM photo ORDER BY h <~> repeat('c4ca4238a0b92382', 16)::imagehash) s;) ]);

# Sets up, says what happens at test points, and runs an operation; returns what the server said, and whether the session went on.
my $n = 100000;
sub run
{
	my ($name, $points) = @_;
	my ($prepare, $act) = @{ $operations{$name} };
	$n += 1000;
	s/:n\b/$n/g foreach $prepare, $act;
	my ($said, $out) = ('', '');
	$node->psql('postgres', $prepare) if $prepare;
	$node->psql('postgres', "SET imagehash.test_points = '$points';\n$act\nSELECT 'goes on';", stderr => \$said, stdout => \$out, on_error_stop => 0);
	return ($said, ($out // '') =~ /^goes on$/m ? 1 : 0);
}

# Rows of the table that the index does not find, and the other way round.
sub is_whole
{
	my ($what) = @_;
	my $wrong = 'no answer';
	for (1 .. 600)
	{
		# A psql that is refused may be gone before it is told what to ask.
		my ($failed, $said) = (1, '');
		eval {
			$failed = $node->psql(
				'postgres', q(
			SET enable_bitmapscan = off; SET enable_sort = off; SET enable_seqscan = off;
			CREATE TEMP TABLE by_index AS SELECT id, h FROM photo ORDER BY h <~> repeat('c4ca4238a0b92382', 16)::imagehash;
			SET enable_indexscan = off; SET enable_seqscan = on; SET enable_sort = on;
			CREATE TEMP TABLE by_table AS SELECT id, h FROM photo;
			SELECT imagehash_index_check('photo_h', heapallindexed => true);
			SELECT (SELECT count(*) FROM (TABLE by_index EXCEPT ALL TABLE by_table) a) + (SELECT count(*) FROM (TABLE by_table EXCEPT ALL TABLE by_index) b);
			), stdout => \$wrong, stderr => \$said, on_error_die => 0, on_error_stop => 1);
		};
		last unless $failed;
		$wrong = $said;
		last if $said =~ /ERROR/;
		select(undef, undef, undef, 0.05);    # it restarts
	}
	is($wrong, "\n0", "$what: index and table agree") or diag("seed $seed");
}

# Which points each operation reaches, and how often.
my (%reached, @cases);
foreach my $operation (sort keys %operations)
{
	my %times;
	my ($said) = run($operation, '*=tell');
	$times{$_}++ foreach $said =~ /NOTICE:  test point "([^"]+)" was reached/g;
	cmp_ok(scalar(keys %times), '>', 0, "$operation: test points " . join(' ', map { "$_ ($times{$_})" } sort keys %times));
	push @cases, map { [ $operation, $_, $times{$_} ] } sort keys %times;
	$reached{$_} = 1 foreach keys %times;
}
my $points = join '', map { slurp_file($_) } glob "$ENV{IMAGEHASH_SOURCE}/src/index/*/*.cpp";
# The list is full only where a merge stands still for 50,000 rows.
my @never = grep { !$reached{$_} && $_ ne 'insert-list-full' } $points =~ /TEST_POINT\("([^"]+)"\)/g;
is("@never", '', 'every test point is reached');
is_whole('before');

my %survived;
my $end = time + $seconds;
do
{
	foreach my $case (@cases)
	{
		my ($operation, $point, $times) = @$case;
		foreach my $action ('error', 'kill', $seconds > 0 ? 'fatal' : ())
		{
			# What only reads is killed in other tests.
			next if $action eq 'kill' && $operation eq 'scan';
			# It is not reached as often each time: a session before may have merged what this one would have.
			foreach my $at (1 + int(rand($times)), 1)
			{
				my ($said, $goes_on) = run($operation, "$point=$action\@$at");
				next if $at > 1 && $goes_on && $said !~ /"$point"/;
				my $what = "$operation, $point, $action at $at";
				like($said, $action eq 'kill' ? qr/server closed the connection/ : qr/(ERROR|FATAL):  test point "$point" was reached/, $what);
				# What is fatal to a worker is an error of its leader's.
				is($goes_on, $action eq 'error' ? 1 : 0, "$what: " . ($action eq 'error' ? 'the session goes on' : 'the session is gone'))
				  unless $action eq 'fatal' && $point =~ /share/;
				is_whole($what);
				$survived{$action}++;
				last;
			}
		}
	}
} while (time < $end);
note 'measured: survived ' . join(', ', map { "$survived{$_} times $_" } sort keys %survived) . ' at ' . keys(%reached) . ' test points';

$node->safe_psql('postgres', 'VACUUM photo');
is_whole('after vacuum');
$node->stop;
command_ok([ 'pg_checksums', '--check', '-D', $node->data_dir ], 'and every page has the right checksum');
done_testing();
