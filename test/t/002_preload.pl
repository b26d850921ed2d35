# shared_preload_libraries = 'imagehash_vision': the server starts with the model loaded, sessions inherit it, and the
# postmaster has no thread but its own - a fork of a process with threads leaves locks that nobody will release.
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

$node->append_conf('postgresql.conf', "shared_preload_libraries = 'imagehash_vision'");
$node->start;

SKIP:
{
	my ($postmaster) = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;
	my $tasks = "/proc/$postmaster/task";
	skip 'no /proc/PID/task on this system', 2 unless -d $tasks;
	like(slurp_file("/proc/$postmaster/maps"), qr/libtorch/, 'the postmaster has loaded LibTorch');
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

# The light module alone: settings are known from a session's start.
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'imagehash'\nimagehash.max_pixels = 1234567");
$node->start;
is($node->safe_psql('postgres', 'SHOW imagehash.max_pixels'), '1234567', 'a new session knows the settings');
like($node->safe_psql('postgres', q(SELECT pg_read_file('/proc/self/maps'))), qr/^(?!.*libtorch)/s, '... and has not loaded LibTorch');
$node->stop;
done_testing();
