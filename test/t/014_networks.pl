# Networks that loop for ever: a cancel and pg_terminate_backend end the statement, or the session, and no other session notices. And
# model files that are no files.
use strict;
use warnings;

use File::Copy;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('networks');
$node->init;
$node->start;
my $directory = PostgreSQL::Test::Utils::tempdir;
my %file = map { $_ => "$directory/$_.pt" } qw(tiny_network loops loops_on_white loops_loading);
copy("$ENV{IMAGEHASH_SOURCE}/test/data/$_.pt", $file{$_}) or die "copy: $!" for keys %file;

# Statements that may hang for ever, each in a session of its own. A session that has not ended after a minute is killed, which restarts the
# server; what it said then shows that.
my $sessions = 0;

sub session
{
	my (@statements) = @_;
	my %session = (name => 'session ' . ++$sessions, out => '', err => '');
	local $ENV{PGAPPNAME} = $session{name};
	$session{run} = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-v', 'VERBOSITY=verbose', map { ('-c', $_) } @statements ],
		'>', \$session{out}, '2>', \$session{err}, IPC::Run::timer(0));
	return \%session;
}

sub is_there
{
	my ($session, $condition) = @_;
	return $node->poll_query_until('postgres',
		"SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = '$session->{name}' AND $condition)");
}

# What it said.
sub finish
{
	my ($session) = @_;
	my $end = time + 60;
	while ($session->{run}->pumpable && time < $end)
	{
		$session->{run}->pump_nb;
		select undef, undef, undef, 0.05;
	}
	if ($session->{run}->pumpable)
	{
		my $pid = $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE application_name = '$session->{name}'");
		$session->{err} .= 'does not end';
		kill KILL => $pid;
	}
	$session->{run}->finish;
	return $session->{out} . $session->{err};
}

sub said { my (@statements) = @_; return finish(session(@statements)); }

# As long as it runs, the server has not restarted: its temporary table is there.
my $witness = session(
	'CREATE TEMP TABLE kept AS SELECT 1 AS n',
	q(DO $$ BEGIN LOOP EXIT WHEN to_regclass('finished') IS NOT NULL; COMMIT; PERFORM pg_sleep(0.1); END LOOP; END $$),
	q(SELECT 'kept ' || sum(n) FROM kept));

my $recipe = q('{"side": 32, "mean": 0, "std": 255}');
sub create { my ($name, $path) = @_; return "SELECT create_image_model('$name', '$path', encode(sha256(pg_read_binary_file('$path')), 'hex'), $recipe)"; }
my $weights = 'IHSH' . pack('V5', 1, 16, 0, 16, 0) . pack('f<', 1) x (17 * 16);
my $bmp = sub { my ($pixel) = @_; return "\\x424d3a000000000000003600000028000000010000000100000001001800000000000400000" . "0c40e0000c40e00000000000000000000" . $pixel . '00'; };
my ($white, $black) = map { "'" . $bmp->($_) . "'::bytea" } qw(ffffff 000000);
$node->safe_psql('postgres', 'CREATE EXTENSION imagehash');
$node->safe_psql('postgres', create($_, $file{$_})) for qw(tiny_network loops_on_white);
$node->safe_psql('postgres', "SELECT import_hasher('loops', 'loops_on_white', '\\x" . unpack('H*', $weights) . "')");
my $ten = '{' . join(',', (10) x 16) . '}';
is(said("SELECT image_embedding($black, 'loops_on_white')"), "$ten\n", 'a network that loops for some images embeds the others');

# --- a cancel, a timeout and a termination, wherever the network loops ---

# Loads LibTorch, which takes a second, and the network that loops for some.
my $warm = "SELECT image_embedding($black, 'loops_on_white')";
my $stuck = qr/terminating connection because a registered network does not stop.*HINT:  Drop the model with drop_image_model\(\)/s;
my @loops = (
	[ 'image_embedding', "SELECT image_embedding($white, 'loops_on_white')" ],
	[ 'semantic_hash of an array', "SELECT semantic_hashes(ARRAY[$white, $white], 'loops')" ],
	[ 'an exception handler', "DO \$\$ BEGIN PERFORM semantic_hash($white, 'loops'); EXCEPTION WHEN OTHERS OR query_canceled THEN NULL; END \$\$" ],
	[ 'create_image_model', create('loops', $file{loops}) ],
	[ 'create_image_model, loading', create('loops', $file{loops_loading}) ]);
for my $case (@loops)
{
	my ($name, $statement) = @$case;
	like(said($warm, q(SET statement_timeout = '1s'), $statement), qr/FATAL:  57014: $stuck/, "$name: a timeout ends it");
	for my $how ([ 'pg_cancel_backend', '57014' ], [ 'pg_terminate_backend', '57P01' ])
	{
		my ($function, $state) = @$how;
		my $session = session($warm, $statement);
		# By then it loops.
		is_there($session, "state = 'active' AND query <> \$q\$$warm\$q\$ AND query_start < now() - interval '1 s'");
		$node->safe_psql('postgres', "SELECT $function(pid) FROM pg_stat_activity WHERE application_name = '$session->{name}'");
		like(finish($session), qr/FATAL:  $state: $stuck/, "$name: $function ends it");
	}
}
my $parallel = session(
	'CREATE TABLE picture WITH (parallel_workers = 2) AS SELECT ' . $white . ' AS image FROM generate_series(1, 3)',
	'SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET parallel_leader_participation = off',
	q(SET statement_timeout = '3s'), q(SELECT count(image_embedding(image, 'loops_on_white')) FROM picture));
like(finish($parallel), qr/ERROR:  57014: canceling statement due to statement timeout/, 'parallel workers that loop are ended');
is($node->safe_psql('postgres', q(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'parallel worker')), '0', '... all of them');

# --- afterwards ---

is(said("SELECT image_embedding($white, 'tiny_network') > '$ten'", "SELECT image_embedding($black, 'loops_on_white')"), "t\n$ten\n", 'a new session embeds');
is($node->safe_psql('postgres', q(SELECT name FROM imagehash.image_model WHERE name LIKE 'loop%')), 'loops_on_white', 'no model that loops at once was entered');

# --- files that are none: nothing waits, nothing is opened ---

system('mkfifo', "$directory/fifo") == 0 or die 'mkfifo';
my $sha = '0' x 64;
for my $path ("$directory/fifo", $directory, '/dev/zero', '/dev/tty')
{
	like(said("SELECT create_image_model('none', '$path', '$sha', $recipe)"), qr/ERROR:  42809: "\Q$path\E" is not a regular file/, "$path is refused");
}
open my $sparse, '>', "$directory/large" or die $!;
truncate $sparse, (2 << 30) + 1 or die $!;
close $sparse;
like(said("SELECT create_image_model('none', '$directory/large', '$sha', $recipe)"),
	qr/ERROR:  54000: file "\Q$directory\E\/large" is too large for a model/, 'more than 2 GB are refused');
# What was a file when the model was entered may be none later.
unlink $file{loops_on_white};
system('mkfifo', $file{loops_on_white}) == 0 or die 'mkfifo';
like(said("SELECT image_embedding($black, 'loops_on_white')"),
	qr/ERROR:  42809: "\Q$file{loops_on_white}\E" is not a regular file/, 'a FIFO in the place of a file is refused');

$node->safe_psql('postgres', 'CREATE TABLE finished ()');
is(finish($witness), "kept 1\n", 'a session beside all that kept its temporary table');
unlike(slurp_file($node->logfile), qr/terminated by signal|reinitializing|exited with exit code (?!1\b)/, 'no process ended in disorder');
$node->stop;
done_testing();
