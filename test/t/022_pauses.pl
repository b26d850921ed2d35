# Backends that stand still at test points (src/index/store/test_point.h) while others go on: the isolation tests of test/points, on a server whose
# module has test points.
use strict;
use warnings;

use File::Basename;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'the module with test points is not built' unless $ENV{IMAGEHASH_TEST_POINTS};
(my $install_path = $ENV{IMAGEHASH_TEST_POINTS}) =~ s{/bin$}{};
my $node = PostgreSQL::Test::Cluster->new('pauses', install_path => $install_path);
$node->init;
$node->append_conf('postgresql.conf', "autovacuum = off\nfsync = off\nshared_preload_libraries = imagehash\nmax_parallel_workers_per_gather = 0\n");
$node->start;

my $points = "$ENV{IMAGEHASH_SOURCE}/test/points";
my $runner = dirname($ENV{PG_REGRESS}) . '/../isolation/pg_isolation_regress';
plan skip_all => "$runner is missing" unless -x $runner;
foreach my $name (map { basename($_, '.spec') } sort glob "$points/specs/*.spec")
{
	my $results = PostgreSQL::Test::Utils::tempdir;
	my $passes = !system_log($runner, "--bindir=$ENV{IMAGEHASH_TEST_POINTS}", "--inputdir=$points", "--outputdir=$results", '--dbname=pauses',
		'--load-extension=imagehash', '--host=' . $node->host, '--port=' . $node->port, $name);
	ok($passes, $name) or diag(-f "$results/regression.diffs" ? slurp_file("$results/regression.diffs") : '');
}
$node->stop;
done_testing();
