# shared_preload_libraries = 'imagehash' and imagehash.preload_libraries: the server starts with libraries and model loaded,
# sessions inherit them, and the postmaster has no thread but its own - a fork of a process with threads leaves locks that
# nobody will release.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $picture = (glob "$ENV{IMAGEHASH_SOURCE}/demo/pictures/*.jpg")[0];
my $hash_it = "SELECT semantic_hash(pg_read_binary_file('$picture'))";

my $node = PostgreSQL::Test::Cluster->new('preload');
$node->init;
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION imagehash');
my $expected = $node->safe_psql('postgres', $hash_it);
$node->stop;

$node->append_conf('postgresql.conf', "shared_preload_libraries = 'imagehash'\nimagehash.preload_libraries = 'semantic, Vision'");
$node->start;

SKIP:
{
	my ($postmaster) = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;
	my $tasks = "/proc/$postmaster/task";
	skip 'no /proc/PID/task on this system', 3 unless -d $tasks;
	like(slurp_file("/proc/$postmaster/maps"), qr/libtorch/, 'the postmaster has loaded LibTorch');
	like(slurp_file("/proc/$postmaster/maps"), qr/libopencv_core/, '... and OpenCV');
	my @threads = grep { !m{/\.\.?$} } glob "$tasks/*";
	is(scalar(@threads), 1, 'the postmaster has one thread');
}

is($node->safe_psql('postgres', $hash_it), $expected, 'a session hashes as it does without preloading');

# Several sessions at once, each forked from the same postmaster.
my @sessions = map {
	my $output = '';
	{ output => \$output, handle => IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', $hash_it ], '>', \$output) }
} 1 .. 4;
$_->{handle}->finish for @sessions;
is(join('', map { ${ $_->{output} } } @sessions), "$expected\n" x 4, 'four sessions hash at the same time');

$node->stop;

# One library alone, or none; settings are known from a session's start.
my $libraries = q(SELECT coalesce(string_agg(DISTINCT m[1], ' '), 'none') FROM
	regexp_matches(pg_read_file('/proc/self/maps'), '/(libimagehash_vision|libimagehash_semantic|libtorch)[^/ ]*\.so', 'g') m);
$node->append_conf('postgresql.conf', "imagehash.preload_libraries = 'vision'\nimagehash.max_pixels = 1234567");
$node->start;
is($node->safe_psql('postgres', 'SHOW imagehash.max_pixels'), '1234567', 'a new session knows the settings');
is($node->safe_psql('postgres', $libraries), 'libimagehash_vision', 'vision alone is preloaded');
my ($status, $output, $errors) = $node->psql('postgres', "SET imagehash.preload_libraries = 'semantic'");
like($errors, qr/cannot be changed without restarting the server/, 'preload_libraries cannot be set in a session');
$node->stop;
$node->append_conf('postgresql.conf', "imagehash.preload_libraries = ''");
$node->start;
is($node->safe_psql('postgres', $libraries), 'none', 'by default nothing is');
$node->stop;
$node->append_conf('postgresql.conf', "imagehash.preload_libraries = 'vision, opencv'");
$node->start;
like(slurp_file($node->logfile), qr/"opencv" is not a library of imagehash/, 'the log says which name is none');
is($node->safe_psql('postgres', $libraries), 'none', '... and nothing is preloaded');
$node->stop;
done_testing();
