# PostgreSQL's JIT and LibTorch in one session, in either order. Debian 13's LibTorch exports an LLVM of its own, which
# would end the session (see keep_jit_from_libtorch() in src/pg/vision_module.cpp).
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
is($node->safe_psql('postgres', "$hash; $compiled"), "256\n501500", 'image first');
is($node->safe_psql('postgres', "$compiled; $hash; $compiled"), "501500\n256\n501500", 'JIT first');
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'imagehash_vision'");
$node->restart;
is($node->safe_psql('postgres', "$hash; $compiled"), "256\n501500", 'preloaded, image first');
is($node->safe_psql('postgres', "$compiled; $hash; $compiled"), "501500\n256\n501500", 'preloaded, JIT first');
$node->stop;
done_testing();
