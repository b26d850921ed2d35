# The serial numbers of pages are of 32 bits, and 0 means that there is no page: what happens around 2^32.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('serials');
# What is written into pages here would not fit their checksums, which PostgreSQL 18 has by default.
$node->init(extra => $node->pg_version >= 18 ? ['--no-data-checksums'] : []);
$node->append_conf('postgresql.conf', "autovacuum = off\n");
$node->start;
# 1024 bits: a page holds 56 entries.
my $hash = q(substr(repeat(md5(i::text), 8), 1, 256)::imagehash);
$node->safe_psql(
	'postgres', qq(
	CREATE EXTENSION imagehash;
	CREATE TABLE photo (id serial PRIMARY KEY, h imagehash);
	INSERT INTO photo (h) SELECT $hash FROM generate_series(1, 3000) i;
	CREATE INDEX photo_h ON photo USING hamming (h) WITH (pending_list_limit = 64);));
my $path = $node->data_dir . '/' . $node->safe_psql('postgres', q(SELECT pg_relation_filepath('photo_h')));
my $next_serial_at = 24 + 5 * 4;    # in the meta page, block 0
my ($serial_at, $kind_at) = (8176, 8180);

# Serials of pages that have one: pending, code, centroid, radius, tier root and TID pages.
sub serials
{
	my ($pages) = @_;
	my @serials;
	for my $block (1 .. length($pages) / 8192 - 1)
	{
		my $kind = unpack('v', substr($pages, $block * 8192 + $kind_at, 2));
		push @serials, unpack('V', substr($pages, $block * 8192 + $serial_at, 4)) if grep { $_ == $kind } (2, 4 .. 8);
	}
	return @serials;
}

# The fewer are left, the sooner the count begins anew: while rows are listed, while they are merged.
foreach my $left (0, 1, 3, 12, 40)
{
	$node->stop;
	my $pages = slurp_file($path);
	substr($pages, $next_serial_at, 4) = pack('V', 0xffffffff - $left);
	open my $out, '>:raw', $path or die $!;
	print $out $pages;
	close $out;
	$node->start;
	my $n = 10000 * ($left + 1);
	$node->safe_psql('postgres', "INSERT INTO photo (h) SELECT $hash FROM generate_series($n, $n + 500) i; CHECKPOINT");
	my @serials = serials(slurp_file($path));
	is(scalar(grep { $_ == 0 } @serials), 0, "$left serials are left: none of " . scalar(@serials) . ' pages gets the serial 0');
	cmp_ok(scalar(grep { $_ < 1_000_000 } @serials), '>', 0, '... though the count has begun anew');
	$node->safe_psql(
		'postgres', qq(
		DELETE FROM photo WHERE id % 5 = 0;
		VACUUM photo;
		INSERT INTO photo (h) SELECT $hash FROM generate_series($n + 3000, $n + 6000) i;
		DELETE FROM photo WHERE id % 7 = 0;
		VACUUM photo;));
	is($node->safe_psql('postgres', q(SELECT imagehash_index_check('photo_h', true))), '', '... the index is in order');
	my $query = $node->safe_psql('postgres', 'SELECT h FROM photo LIMIT 1');
	is( $node->safe_psql(
			'postgres', qq(
			SET enable_indexscan = off;
			CREATE TEMP TABLE truth AS SELECT id, h <~> '$query' AS d FROM photo;
			SET enable_indexscan = on;
			SET enable_seqscan = off;
			CREATE TEMP TABLE found AS SELECT id, h <~> '$query' AS d FROM photo ORDER BY h <~> '$query';
			SELECT count(*) FROM ((TABLE truth EXCEPT ALL TABLE found) UNION ALL (TABLE found EXCEPT ALL TABLE truth)) s)),
		'0', '... it finds what a sequential scan finds');
}
$node->stop;
done_testing();
