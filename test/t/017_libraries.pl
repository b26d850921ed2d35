# The two libraries that know no PostgreSQL, and the weights: missing, of another release, elsewhere. Without them type, index,
# dump and restore work, and an error names the package that brings what is missing.
use strict;
use warnings;

use File::Copy;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $root = $ENV{IMAGEHASH_ROOT};
my ($libraries) = map { m{^(.*)/libimagehash_vision\.so$} } split /\n/, `find '$root' -name libimagehash_vision.so`;
my ($models) = map { m{^(.*)/MANIFEST\.tsv$} } split /\n/, `find '$root' -path '*/share/imagehash/MANIFEST.tsv'`;

# This test takes files away, so it has a copy of the installation to itself.
my $copy = PostgreSQL::Test::Utils::tempdir;
system_or_bail('cp', '-a', "$root/usr", $copy) if -d "$root/usr";
plan skip_all => 'the installation is not below /usr' unless -d "$copy/usr" && $libraries =~ m{^\Q$root\E/usr/};
(my $own_libraries = $libraries) =~ s/^\Q$root\E/$copy/;
(my $own_models = $models) =~ s/^\Q$root\E/$copy/;
my $bin = (split /\n/, `pg_config --bindir`)[0];
(my $own_bin = $bin) =~ s/^\Q$root\E/$copy/;
$ENV{PATH} = "$own_bin:$ENV{PATH}";

my $picture = (glob "$ENV{IMAGEHASH_SOURCE}/demo/pictures/*.jpg")[0];
my $image = "pg_read_binary_file('$picture')";
my $node = PostgreSQL::Test::Cluster->new('libraries');
$node->init;
$node->start;
$node->safe_psql('postgres', q(
	CREATE EXTENSION imagehash;
	CREATE TABLE picture (id int PRIMARY KEY, hash imagehash(64));
	INSERT INTO picture SELECT i, to_hex(i * 7919::bigint + x'1000000000000000'::bigint)::text::imagehash FROM generate_series(1, 1000) i;
	CREATE INDEX ON picture USING hamming (hash);));
is($node->safe_psql('postgres', "SELECT bit_length(perceptual_hash($image)), bit_length(semantic_hash($image))"), '64|256',
	'with everything installed');

# error_of(SQL): SQLSTATE, message and hint.
sub error_of
{
	my ($sql) = @_;
	my ($status, $output, $errors) = $node->psql('postgres', "\\set VERBOSITY verbose\n$sql");
	return $errors;
}

rename("$own_libraries/libimagehash_semantic.so", "$own_libraries/away_semantic") or die $!;
like(error_of("SELECT semantic_hash($image)"),
	qr/ERROR:  58P01: library ".*libimagehash_semantic\.so" is not installed.*HINT:  Install the package libimagehash-semantic\./s,
	'no LibTorch: the error names the package');
is($node->safe_psql('postgres', "SELECT bit_length(perceptual_hash($image))"), '64', '... and perceptual hashes work');
like($node->safe_psql('postgres', 'SELECT name, value FROM imagehash_info()'), qr/opencv\|.*semantic library\|not loaded/s,
	'... and imagehash_info() says so');

rename("$own_libraries/libimagehash_vision.so", "$own_libraries/away_vision") or die $!;
like(error_of("SELECT perceptual_hash($image)"),
	qr/ERROR:  58P01: library ".*libimagehash_vision\.so" is not installed.*HINT:  Install the package libimagehash-vision\./s,
	'no OpenCV: the error names the package');
my $search = q(SET enable_seqscan = off; SELECT count(*) FROM (SELECT id FROM picture ORDER BY hash <~> '1000000000000007' LIMIT 5) s);
is($node->safe_psql('postgres', $search), '5', '... and searches work');
my $dump = $node->basedir . '/dump.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, '-d', $node->connstr('postgres') ], '... and a dump');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $dump, '-d', $node->connstr('restored') ], '... and a restore');
is($node->safe_psql('restored', $search), '5', '... and searches in what was restored');
$node->safe_psql('restored', 'DROP EXTENSION imagehash CASCADE; CREATE EXTENSION imagehash');
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'imagehash'\nimagehash.preload_libraries = 'vision, semantic'");
$node->restart;
is($node->safe_psql('postgres', $search), '5', '... and a server that would preload them starts');
like(slurp_file($node->logfile), qr/WARNING:  library ".*libimagehash_vision\.so" is not installed/, '... with a warning in its log');

# A library that is none, and one whose interface has another version.
append_to_file("$own_libraries/libimagehash_vision.so", 'no library');
like(error_of("SELECT perceptual_hash($image)"), qr/ERROR:  0A000: could not load library/, 'a damaged library is an error');
unlink "$own_libraries/libimagehash_vision.so";
append_to_file("$copy/other.c", "static const int version = 999;\nconst void *imagehash_vision_api(void) { return &version; }\n");
SKIP:
{
	skip 'no C compiler', 1 if system("cc -shared -fPIC -o $own_libraries/libimagehash_vision.so $copy/other.c") != 0;
	like(error_of("SELECT perceptual_hash($image)"),
		qr/ERROR:  0A000: library ".*" is of another release of imagehash\nDETAIL:  Its interface has version 999, .*\nHINT:  Install the package libimagehash-vision of the same release\./,
		'a library of another release is refused by name');
	unlink "$own_libraries/libimagehash_vision.so";
}
rename("$own_libraries/away_semantic", "$own_libraries/libimagehash_semantic.so") or die $!;
rename("$own_libraries/away_vision", "$own_libraries/libimagehash_vision.so") or die $!;

# Weights: missing, and in another directory.
my $elsewhere = PostgreSQL::Test::Utils::tempdir;
copy($_, $elsewhere) or die $! foreach glob "$own_models/*";
rename($own_models, "$own_models.away") or die $!;
mkdir $own_models;
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''\nimagehash.preload_libraries = ''");
$node->restart;
like(error_of("SELECT semantic_hash($image)"),
	qr/ERROR:  58P01: could not read model file ".*".*HINT:  Install the package imagehash-models, or say in imagehash\.model_directory/s,
	'no weights: the error names the package');
$node->append_conf('postgresql.conf', "imagehash.model_directory = '$elsewhere'");
$node->reload;
is($node->safe_psql('postgres', "SELECT bit_length(semantic_hash($image))"), '256', 'weights in imagehash.model_directory');
is($node->safe_psql('postgres', q(SELECT value FROM imagehash_info() WHERE name = 'model directory')), $elsewhere, '... which imagehash_info() tells');
my ($weights) = glob "$elsewhere/*.hasher";
append_to_file($weights, 'x');
like(error_of("SELECT semantic_hash($image)"), qr/ERROR:  XX001: model file ".*" is not the one this version of imagehash was built with/,
	'... and are checked there');
$node->stop;
done_testing();
