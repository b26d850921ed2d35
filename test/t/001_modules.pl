# What the two modules link, and what a session has loaded. A session that only searches must not pay for LibTorch,
# and nobody for the OpenCV modules that we do not use.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $library_dir = `pg_config --pkglibdir`;
chomp $library_dir;

# The libraries a file needs by its own word (readelf), or with all that those need (ldd).
sub needed_by
{
	my ($module) = @_;
	return map { /NEEDED.*\[(.*)\]/ ? $1 : () } `readelf -d '$library_dir/$module'`;
}

sub loaded_with
{
	my ($module) = @_;
	return map { m{^\s*(\S+)} ? $1 =~ s{.*/}{}r : () } `ldd '$library_dir/$module'`;
}

my @strangers = grep { !/^(linux-vdso|linux-gate|ld-linux.*|libstdc\+\+|libgcc_s|libm|libc)\.so/ } loaded_with('imagehash.so');
is("@strangers", '', 'imagehash.so needs the C++ runtime and nothing else');

my @opencv = map { /^libopencv_(\w+)/ ? $1 : () } needed_by('imagehash_vision.so');
my @unused = grep { !/^(core|imgproc|imgcodecs)$/ } @opencv;
ok(scalar(@opencv), 'imagehash_vision.so links OpenCV');
is("@unused", '', 'imagehash_vision.so links only the OpenCV modules it uses');
ok((grep { /^libtorch/ } needed_by('imagehash_vision.so')), 'imagehash_vision.so links LibTorch');

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
	skip 'no /proc/PID/maps on this system', 3 unless -r '/proc/self/maps';

	# One session: each query is followed by what its backend has mapped.
	my $maps = q(SELECT string_agg(DISTINCT m[1], ' ') FROM
		regexp_matches(pg_read_file('/proc/self/maps'), '(imagehash_vision|imagehash|libtorch|libopencv_core)[^/ ]*\.so', 'g') m);
	my $seen = $node->safe_psql(
		'postgres', qq(
		SET enable_seqscan = off;
		DO \$\$ BEGIN PERFORM hash FROM picture ORDER BY hash <~> '1000000000000007' LIMIT 5; END \$\$;
		DO \$\$ BEGIN PERFORM hash FROM picture WHERE hamming_within(hash, '1000000000000007', 3); END \$\$;
		$maps));
	is($seen, 'imagehash', 'a session that searches has neither LibTorch nor OpenCV');

	my $picture = (glob "$ENV{IMAGEHASH_SOURCE}/demo/pictures/*.jpg")[0];
	$seen = $node->safe_psql(
		'postgres', qq(
		DO \$\$ BEGIN PERFORM semantic_hash(pg_read_binary_file('$picture')); END \$\$;
		$maps));
	like($seen, qr/imagehash_vision.*libtorch/, 'a session that hashes a photo has LibTorch');
}

$node->stop;
done_testing();
