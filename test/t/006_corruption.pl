# Damaged, foreign and newer pages: an ERROR that names the block, whatever reads it; never a crash.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('corruption');
$node->init;
$node->start;
$node->safe_psql(
	'postgres', q(
	CREATE EXTENSION imagehash;
	CREATE TABLE photo (id serial, h imagehash);
	INSERT INTO photo (h) SELECT CASE WHEN i % 5 = 0 THEN NULL ELSE substr(md5(i::text), 1, 16)::imagehash END FROM generate_series(1, 4000) i;
	CREATE INDEX photo_h ON photo USING hamming (h);
));
my $path = $node->data_dir . '/' . $node->safe_psql('postgres', q(SELECT pg_relation_filepath('photo_h')));
my $pages = (-s $path) / 8192;
$node->stop;
open my $in, '<:raw', $path or die $!;
read $in, my $original, -s $path;
close $in;

sub write_index
{
	my ($content) = @_;
	open my $out, '>:raw', $path or die $!;
	print $out $content;
	close $out;
}

# The statements that read the index, each in a session of its own; what they say of errors.
my @statements = (
	q(SET enable_seqscan = off; SELECT count(*) FROM (SELECT h <~> 'c4ca4238a0b92382' FROM photo ORDER BY h <~> 'c4ca4238a0b92382') s),
	q(SET enable_seqscan = off; SET enable_indexscan = off; SELECT count(*) FROM photo WHERE hamming_within(h, 'c4ca4238a0b92382', 64)),
	q(SET enable_seqscan = off; SELECT count(*) FROM photo WHERE h IS NULL),
	q(INSERT INTO photo (h) VALUES ('c4ca4238a0b92382')),
	q(INSERT INTO photo (h) VALUES (NULL)),
	q(VACUUM (INDEX_CLEANUP on) photo));

sub errors_with
{
	my ($content) = @_;
	write_index($content);
	$node->start;
	my @errors;
	for my $statement (@statements)
	{
		my ($status, $stdout, $stderr) = $node->psql('postgres', "\\set VERBOSITY verbose\nSET statement_timeout = '30s';\n$statement");
		push @errors, $stderr;
	}
	my $alive = $node->safe_psql('postgres', 'SELECT 1');
	$node->stop;
	return ($alive, @errors);
}

sub overwrite
{
	my ($block, $offset, $bytes) = @_;
	my $content = $original;
	substr($content, $block * 8192 + $offset, length $bytes) = $bytes;
	return $content;
}

# What no single page can tell: an entry that is gone, and one that points past the table. imagehash_index_check() can.
my $check = q(SELECT imagehash_index_check('photo_h', heapallindexed => true));
my $lower = 64 + 576 * 8 + 575 * 6;
my $lost = overwrite(1, 8188, pack('v', 575));
substr($lost, 8192 + 12, 2) = pack('v', $lower);
my $stray = overwrite(1, $lower, pack('vvv', 9, 0, 1));
for my $case ([ $lost, qr/XX002: row \(\d+,\d+\) of table "photo" is missing from index "photo_h"/, 'a lost entry' ],
	[ $stray, qr/XX002: index "photo_h" is corrupted at block 1/, 'an entry that points past the table' ],
	[ $original, qr/^$/, 'a sound index' ])
{
	my ($content, $expected, $name) = @$case;
	write_index($content);
	$node->start;
	my ($status, $stdout, $stderr) = $node->psql('postgres', "\\set VERBOSITY verbose\n$check");
	like($stderr, $expected, "$name: imagehash_index_check");
	$node->stop;
}

my @errors = grep { $_ ne '' } (errors_with($original))[ 1 .. 6 ];
is("@errors", '', 'no error on the index as it was made');

# The whole page, the header, each field of the trailer (the last 8 bytes), the fields of the meta page.
my @damage = (
	[ 'a meta page of another program', 0, 24, 'XXXX', qr/XX002: index "photo_h" is corrupted at block 0/ ],
	[ 'a newer version', 0, 28, pack('V', 2), qr/0A000: index "photo_h" has version 2 of the hamming format/ ],
	[ 'a meta page with an odd length', 0, 32, pack('V', 65), qr/XX002: index "photo_h" is corrupted at block 0/ ],
	[ 'a meta page with a huge length', 0, 32, pack('V', 1 << 31), qr/XX002: index "photo_h" is corrupted at block 0/ ],
	[ 'an empty meta page', 0, 0, "\0" x 8192, qr/XX002: index "photo_h" is corrupted at block 0/ ],
	[ 'a foreign page', 1, 8190, "\0\0", qr/XX002: index "photo_h" is corrupted at block 1/ ],
	[ 'a page of unknown kind', 1, 8184, pack('v', 9), qr/XX002: index "photo_h" is corrupted at block 1/ ],
	[ 'a meta page in the middle', 1, 8184, pack('v', 1), qr/XX002: index "photo_h" is corrupted at block 1/ ],
	[ 'codes of another length', 2, 8186, pack('v', 2), qr/XX002: index "photo_h" is corrupted at block 2/ ],
	[ 'codes of an impossible length', 2, 8186, pack('v', 60000), qr/XX002: index "photo_h" is corrupted at block 2/ ],
	[ 'more entries than fit', 2, 8188, pack('v', 577), qr/XX002: index "photo_h" is corrupted at block 2/ ],
	[ 'fewer entries than the header says', 2, 8188, pack('v', 3), qr/XX002: index "photo_h" is corrupted at block 2/ ],
	[ 'random bytes', 1, 24, join('', map { chr rand 256 } 1 .. 8168), qr/XX002: index "photo_h" is corrupted at block 1/ ]);
srand(7);
for my $case (@damage)
{
	my ($name, $block, $offset, $bytes, $expected) = @$case;
	my ($alive, @messages) = errors_with(overwrite($block, $offset, $bytes));
	is($alive, '1', "$name: the server lives");
	like($messages[0], $expected, "$name: named by an ordered scan");
	is((grep { $_ ne '' && $_ !~ /ERROR:  (XX002|0A000): / } @messages), 0, "$name: no other error");
}

# A truncated file, and pages that were never written, as a crash while extending leaves them.
my ($alive, @messages) = errors_with('');
is($alive, '1', 'an empty file: the server lives');
like($messages[0], qr/XX002: index "photo_h" is corrupted at block 0/, 'an empty file: named');
($alive, @messages) = errors_with($original . "\0" x (2 * 8192));
is(join('', @messages), '', 'empty pages at the end are no damage');

# Random bytes flipped anywhere: an answer or an error, but the server lives.
for my $round (1 .. 12)
{
	my $content = $original;
	substr($content, int(rand($pages)) * 8192 + int(rand(8192)), 1) = chr rand 256 for 1 .. 40;
	($alive, @messages) = errors_with($content);
	is($alive, '1', "flipped bytes, round $round: the server lives");
}

write_index($original);
$node->start;
$node->safe_psql('postgres', 'REINDEX INDEX photo_h');
is($node->safe_psql('postgres', "$statements[0]"), $node->safe_psql('postgres', 'SELECT count(*) FROM photo'), 'REINDEX makes it whole');
$node->stop;
done_testing();
