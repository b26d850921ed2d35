# What the three binaries link, and what a session has loaded: one that only searches must not pay for OpenCV, one that
# makes perceptual hashes not for LibTorch.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# The libraries a file needs by its own word (readelf), or with all that those need (ldd).
sub needed_by
{
	my ($file) = @_;
	return map { /NEEDED.*\[(.*)\]/ ? $1 : () } `readelf -d '$file'`;
}

sub loaded_with
{
	my ($file) = @_;
	return map { m{^\s*(\S+)} ? $1 =~ s{.*/}{}r : () } `ldd '$file'`;
}

# Beside the module, or in a directory of the libraries that do not depend on PostgreSQL.
my $module = (split /\n/, `pg_config --pkglibdir`)[0] . '/imagehash.so';
my ($libraries) = map { m{^(.*)/libimagehash_vision\.so$} } split /\n/, `find '$ENV{IMAGEHASH_ROOT}' -name libimagehash_vision.so`;
my ($vision, $semantic) = ("$libraries/libimagehash_vision.so", "$libraries/libimagehash_semantic.so");

my @strangers = grep { !/^(linux-vdso|linux-gate|ld-linux.*|libstdc\+\+|libgcc_s|libm|libc)\.so/ } loaded_with($module);
is("@strangers", '', 'imagehash.so needs the C++ runtime and nothing else');

unlike(slurp_file($module), qr/test_point/, '... and has no test points');

my @opencv = map { /^libopencv_(\w+)/ ? $1 : () } needed_by($vision);
my @unused = grep { !/^(core|imgproc|imgcodecs)$/ } @opencv;
ok(scalar(@opencv), 'libimagehash_vision.so links OpenCV');
is("@unused", '', '... and only the modules of it that it uses');
is(join(' ', grep { /torch/ } loaded_with($vision)), '', '... and not LibTorch');
ok((grep { /^libtorch/ } needed_by($semantic)), 'libimagehash_semantic.so links LibTorch');
is(join(' ', grep { /opencv/ } needed_by($semantic)), '', '... and not OpenCV');
foreach my $library ($vision, $semantic)
{
	my @shown = map { (split)[-1] } `nm -D --defined-only '$library'`;
	is(scalar(@shown), 1, "$shown[0] is all that its library shows");
}

my $node = PostgreSQL::Test::Cluster->new('modules');
$node->init;
$node->start;
$node->safe_psql(
	'postgres', q(
	CREATE EXTENSION imagehash;
	CREATE TABLE picture (hash imagehash(64));
	INSERT INTO picture SELECT to_hex(i)::text::imagehash FROM generate_series(x'1000000000000000'::bigint,
		x'1000000000000000'::bigint + 999) i;
	CREATE INDEX ON picture USING hamming (hash);
));

SKIP:
{
	skip 'no /proc/PID/maps on this system', 4 unless -r '/proc/self/maps';

	# One session: each query is followed by what its backend has mapped.
	my $maps = q(SELECT string_agg(DISTINCT m[1], ' ') FROM
		regexp_matches(pg_read_file('/proc/self/maps'), '/(libimagehash_vision|libimagehash_semantic|imagehash|libtorch|libopencv_core)[^/ ]*\.so', 'g') m);
	my $seen = $node->safe_psql(
		'postgres', qq(
		SET enable_seqscan = off;
		DO \$\$ BEGIN PERFORM hash FROM picture ORDER BY hash <~> '1000000000000007' LIMIT 5; END \$\$;
		DO \$\$ BEGIN PERFORM hash FROM picture WHERE hamming_within(hash, '1000000000000007', 3); END \$\$;
		$maps));
	is($seen, 'imagehash', 'a session that searches has neither LibTorch nor OpenCV');

	my $picture = (glob "$ENV{IMAGEHASH_SOURCE}/demo/pictures/*.jpg")[0];
	$seen = $node->safe_psql('postgres', qq(DO \$\$ BEGIN PERFORM perceptual_hash(pg_read_binary_file('$picture')); END \$\$; $maps));
	is($seen, 'imagehash libimagehash_vision libopencv_core', 'a session that makes a perceptual hash has OpenCV');
	$seen = $node->safe_psql(
		'postgres', qq(DO \$\$ BEGIN PERFORM embedding_hash(array_fill(1, '{1280}'::int[])::real[]); END \$\$; $maps));
	# Debian's LibTorch brings OpenCV along.
	is($seen =~ s/ libopencv_core//r, 'imagehash libimagehash_semantic libtorch', 'a session that hashes an embedding has LibTorch');
	$seen = $node->safe_psql('postgres', qq(DO \$\$ BEGIN PERFORM semantic_hash(pg_read_binary_file('$picture')); END \$\$; $maps));
	is($seen, 'imagehash libimagehash_semantic libimagehash_vision libopencv_core libtorch', 'a session that hashes a photo has both');
}

$node->stop;
done_testing();
