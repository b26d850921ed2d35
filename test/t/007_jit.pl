# PostgreSQL's JIT and LibTorch in one session, in either order. Debian 13's LibTorch exports an LLVM of its own; found by
# the JIT, it would end the session. libimagehash_semantic.so is opened with RTLD_LOCAL, so the JIT does not find it.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $library_dir = `pg_config --pkglibdir`;
chomp $library_dir;
plan skip_all => 'PostgreSQL has no JIT provider installed' unless -e "$library_dir/llvmjit.so";

my $picture = (glob "$ENV{IMAGEHASH_SOURCE}/demo/pictures/*.jpg")[0];
my $hash = "SELECT bit_length(semantic_hash(pg_read_binary_file('$picture')))";
my $compiled = 'SELECT sum(i + 1) FROM generate_series(1, 1000) i';

my $node = PostgreSQL::Test::Cluster->new('jit');
$node->init;
$node->append_conf('postgresql.conf', "jit = on\njit_above_cost = 0\njit_inline_above_cost = 0\njit_optimize_above_cost = 0\n");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION imagehash');
# Two functions compiled: EXPLAIN says so only where the JIT has worked.
my $explained = "EXPLAIN (ANALYZE, TIMING OFF) $compiled";
is($node->safe_psql('postgres', "$hash; $compiled"), "256\n501500", 'image first');
like($node->safe_psql('postgres', "$hash; $explained"), qr/JIT:\s+Functions: [1-9]/, '... and the JIT compiled');
is($node->safe_psql('postgres', "$compiled; $hash; $compiled"), "501500\n256\n501500", 'JIT first');
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'imagehash'\nimagehash.preload_libraries = 'vision, semantic'");
$node->restart;
is($node->safe_psql('postgres', "$hash; $compiled"), "256\n501500", 'preloaded, image first');
like($node->safe_psql('postgres', "$hash; $explained"), qr/JIT:\s+Functions: [1-9]/, '... and the JIT compiled');
is($node->safe_psql('postgres', "$compiled; $hash; $compiled"), "501500\n256\n501500", 'preloaded, JIT first');
$node->stop;
done_testing();
