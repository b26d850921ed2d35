# Damaged, foreign and newer pages: an ERROR that names the block, whatever reads it; never a crash.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('corruption');
# PostgreSQL 18 would find the damage itself, by the checksums that it has by default.
$node->init(extra => $node->pg_version >= 18 ? ['--no-data-checksums'] : []);
$node->start;
$node->safe_psql(
	'postgres', q(
	CREATE EXTENSION imagehash;
	CREATE TABLE photo (id serial, h imagehash);
	INSERT INTO photo (h) SELECT CASE WHEN i % 40 = 0 THEN NULL ELSE substr(md5(i::text), 1, 16)::imagehash END FROM generate_series(1, 60000) i;
	CREATE INDEX photo_h ON photo USING hamming (h);
	INSERT INTO photo (h) SELECT substr(md5(i::text), 1, 16)::imagehash FROM generate_series(100001, 121000) i;
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

# There is so much pending that vacuum merges it into the leaves.
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
	my ($content, @asked) = @_;
	write_index($content);
	$node->start;
	my @errors;
	for my $statement (@asked ? @asked : @statements)
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

# Blocks by what the pages are; the trailer is the last 24 bytes, the kind at 12 in it.
my %kinds = (meta => 1, pending => 2, null => 3, code => 4, leaf => 5, radius => 6, root => 7, tid => 8);
my ($trailer, $kind_at, $words_at, $count_at, $id_at) = (8168, 8180, 8182, 8184, 8190);
my %blocks;
for my $block (0 .. $pages - 1)
{
	push @{ $blocks{ unpack('v', substr($original, $block * 8192 + $kind_at, 2)) } }, $block;
}
for my $name (sort keys %kinds)
{
	ok($blocks{ $kinds{$name} }, "there is a $name page");
}
my ($code, $pending, $leaf, $radius, $root, $null, $tid) = map { $blocks{ $kinds{$_} }[0] } qw(code pending leaf radius root null tid);
# A leaf page of codes of one word: centroids, then entries, first group and first TID of each.
my ($entries_at, $group_at, $tid_at) = map { 64 + 336 * $_ } 8, 12, 16;

# What no single page can tell: an entry that is gone, and one that points past the table. imagehash_index_check() can.
my $check = q(SELECT imagehash_index_check('photo_h', heapallindexed => true));
my $lost = overwrite($tid, $trailer - 6, pack('vvv', 0xFFFF, 0xFFFF, 0));
my $stray = overwrite($tid, $trailer - 6, pack('vvv', 9, 0, 1));
my $astray = overwrite($leaf, 64, pack('v', 0xFFFF));
for my $case ([ $lost, qr/XX002: row \(\d+,\d+\) of table "photo" is missing from index "photo_h"/, 'a lost entry' ],
	[ $stray, qr/XX002: index "photo_h" is corrupted at block $tid/, 'an entry that points past the table' ],
	[ $astray, qr/XX002: index "photo_h" is corrupted at block \d+/, 'a centroid that is not that of its codes' ],
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

# The whole page, the header, each field of the trailer, the fields of the meta page, the directory.
sub at { my ($block) = @_; return qr/XX002: index "photo_h" is corrupted at block $block\b/; }
my @damage = (
	[ 'a meta page of another program', 0, 24, 'XXXX', at(0) ],
	[ 'a meta page with an odd length', 0, 32, pack('V', 65), at(0) ],
	[ 'a meta page with a huge length', 0, 32, pack('V', 1 << 31), at(0) ],
	[ 'a meta page with too many tiers', 0, 48, pack('V', 9), at(0) ],
	[ 'a meta page with too many pending pages', 0, 52, pack('V', 100000), at(0) ],
	[ 'a tier that is somewhere else', 0, 64, pack('V', $code), at($code) ],
	[ 'a tier past the end', 0, 64, pack('V', 1 << 30), at(1 << 30) ],
	[ 'a tier with more leaves', 0, 72, pack('V', 1 << 30), at($root) ],
	[ 'an empty meta page', 0, 0, "\0" x 8192, at(0) ],
	[ 'a foreign page', $code, $id_at, "\0\0", at($code) ],
	[ 'a page of unknown kind', $code, $kind_at, pack('v', 9), at($code) ],
	[ 'a meta page in the middle', $code, $kind_at, pack('v', 1), at($code) ],
	[ 'a page of another use', $code, 8176, pack('V', 77), at($code) ],
	[ 'codes of another length', $code, $words_at, pack('v', 2), at($code) ],
	[ 'codes of an impossible length', $code, $words_at, pack('v', 60000), at($code) ],
	[ 'more entries than fit', $pending, $count_at, pack('v', 577), at($pending) ],
	[ 'fewer entries than the header says', $pending, $count_at, pack('v', 3), at($pending) ],
	[ 'fewer codes than the directory says', $code, $count_at, pack('v', 8), at($code) ],
	[ 'fewer TIDs than the header says', $tid, $count_at, pack('v', 3), at($tid) ],
	[ 'TIDs of another use', $tid, 8176, pack('V', 77), at($tid) ],
	[ 'radii that do not ascend', $radius, 64, pack('v', 64), at($root) ],
	[ 'impossible radii', $radius, 64 + 2, pack('v', 40000), at($root) ],
	[ 'fewer radii than groups', $radius, $count_at, pack('v', 3), at($radius) ],
	[ 'a leaf with fewer entries than it has radii', $leaf, $entries_at, pack('V', 1), at($root) ],
	[ 'a leaf with codes past the end', $leaf, $group_at, pack('V', 0xFFFFFFFF), at($leaf) ],
	[ 'a leaf with TIDs past the end', $leaf, $tid_at, pack('V', 0xFFFFFFFF), at($leaf) ],
	[ 'a tier of no tight leaves, and parts that begin past its end', 0, 56 + 64, pack('VVV', 0, 65535, 1 << 30), qr/^$/ ],
	[ 'a leaf page with fewer leaves', $leaf, $count_at, pack('v', 3), at($leaf) ],
	[ 'a root page that refers to itself', $root, 64 + 364, pack('V', $root), at($root) ],
	[ 'a root page without references', $root, $count_at, pack('v', 0), at($root) ],
	[ 'random bytes', $code, 24, join('', map { chr rand 256 } 1 .. 8168), at($code) ]);
srand(7);
for my $case (@damage)
{
	my ($name, $block, $offset, $bytes, $expected) = @$case;
	my ($alive, @messages) = errors_with(overwrite($block, $offset, $bytes));
	is($alive, '1', "$name: the server lives");
	like($messages[0], $expected, "$name: named by an ordered scan");
	is((grep { $_ ne '' && $_ !~ /ERROR:  (XX002|0A000|57014): / } @messages), 0, "$name: no other error");
}

my ($alive, @messages);

# TIDs that no row can have, on each kind of page that has TIDs, and each kind of scan.
my $within = q(hamming_within(h, 'c4ca4238a0b92382', 64));
my $plain = 'SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_indexonlyscan = off;';
my $bitmap = 'SET enable_seqscan = off; SET enable_indexscan = off;';
my $index_only = 'SET enable_seqscan = off; SET enable_bitmapscan = off;';
my @scans = (
	[ 'ordered', "$plain SELECT count(id) FROM (SELECT id FROM photo ORDER BY h <~> 'c4ca4238a0b92382') s" ],
	[ 'ordered, index-only', "$index_only SELECT count(h) FROM (SELECT h FROM photo ORDER BY h <~> 'c4ca4238a0b92382') s" ],
	[ 'radius', "$plain SELECT count(id) FROM photo WHERE $within" ],
	[ 'radius, index-only', "$index_only SELECT count(h) FROM photo WHERE $within" ],
	[ 'radius, bitmap', "$bitmap SELECT count(id) FROM photo WHERE $within" ]);
my @null_scans = (
	[ 'nulls', "$plain SELECT count(id) FROM photo WHERE h IS NULL" ],
	[ 'nulls, index-only', "$index_only SELECT count(*) FROM photo WHERE h IS NULL" ],
	[ 'nulls, bitmap', "$bitmap SELECT count(id) FROM photo WHERE h IS NULL" ]);
my @impossible = ([ 0, 0, 0 ], [ 0, 1, 0 ], [ 0, 1, 292 ], [ 0, 1, 0x7FFF ], [ 0xFFFF, 0xFFFF, 1 ], [ 0, 60000, 1 ]);
for my $where ([ 'TID', $tid, 3, \@scans ], [ 'pending', $pending, 2, \@scans ], [ 'null', $null, 5, \@null_scans ])
{
	my ($kind, $block, $entry, $asked) = @$where;
	for my $tid (@impossible)
	{
		my ($high, $low, $offset) = @$tid;
		my $name = sprintf '(%u,%u) on a %s page', my $heap_block = $high << 16 | $low, $offset, $kind;
		($alive, @messages) = errors_with(overwrite($block, $trailer - 6 * ($entry + 1), pack('vvv', @$tid)), map { $_->[1] } @$asked);
		is($alive, '1', "$name: the server lives");
		for my $i (0 .. $#$asked)
		{
			# A bitmap scan has no table to compare with.
			my $expected = $heap_block == 60000 && $asked->[$i][0] =~ /bitmap/ ? qr/^$/
			  : qr/XX002: index "photo_h" is corrupted at block $block\n.*DETAIL:  Entry $entry points to \($heap_block,$offset\).*HINT:  REINDEX/s;
			like($messages[$i], $expected, "$name: $asked->[$i][0]");
		}
	}
}

# A truncated file, and pages that were never written, as a crash while extending leaves them.
($alive, @messages) = errors_with('');
is($alive, '1', 'an empty file: the server lives');
like($messages[0], qr/XX002: index "photo_h" is corrupted at block 0/, 'an empty file: named');
($alive, @messages) = errors_with($original . "\0" x (2 * 8192));
is(join('', @messages), '', 'empty pages at the end are no damage');

# Random bytes flipped on pages of each kind: an answer or an error, soon, and the server lives.
for my $name (sort keys %kinds)
{
	my @blocks = @{ $blocks{ $kinds{$name} } };
	for my $round (1 .. 3)
	{
		my $content = $original;
		substr($content, $blocks[ int(rand(@blocks)) ] * 8192 + int(rand(8192)), 1) = chr rand 256 for 1 .. 20;
		($alive, @messages) = errors_with($content);
		is($alive, '1', "flipped bytes on $name pages, round $round: the server lives");
		is((grep { /57014/ } @messages), 0, "flipped bytes on $name pages, round $round: no statement hangs");
	}
}

# Other formats: whatever reads or changes the index refuses them by name, with the words that help; what does not need the index works; and
# REINDEX in each of its ways makes it whole.
my $version = unpack('V', substr($original, 28, 4));
my @others = (@statements, $check, q(SELECT imagehash_index_stats('photo_h')), q(SELECT imagehash_index_recall('photo_h', ARRAY['c4ca4238a0b92382'::imagehash])));
my @ways = ('REINDEX INDEX photo_h', 'REINDEX INDEX CONCURRENTLY photo_h', 'REINDEX TABLE photo');
for my $case (map { [ $_, $_ > $version ? 'Install the imagehash that made the index, or REINDEX it' : 'REINDEX the index' ] } 1 .. $version - 1, $version + 1, 0xFFFFFFFF)
{
	my ($other, $hint) = @$case;
	($alive, @messages) = errors_with(overwrite(0, 28, pack('V', $other)), @others);
	is($alive, '1', "version $other: the server lives");
	my $refusal = qr/0A000: index "photo_h" has version $other of the hamming format\n.*DETAIL:  The installed imagehash reads version $version\.\n.*HINT:  $hint\./s;
	like($messages[$_], $refusal, "version $other is refused: $others[$_]") foreach 0 .. $#others;
	($alive, @messages) = errors_with(overwrite(0, 28, pack('V', $other)), 'SELECT count(*) FROM photo WHERE id < 10', 'SELECT count(DISTINCT (id, h)) FROM photo',
		'BEGIN; DELETE FROM photo WHERE id = 1; ROLLBACK');
	is("@messages", '  ', "version $other: what needs no index works");
	write_index(overwrite(0, 28, pack('V', $other)));
	$node->start;
	my $way = $ways[ $other % @ways ];
	$node->safe_psql('postgres', $way);
	is($node->safe_psql('postgres', "$statements[0]"), $node->safe_psql('postgres', 'SELECT count(*) FROM photo'), "version $other: $way makes it whole");
	is($node->safe_psql('postgres', $check), '', '... and right');
	# The file is another one.
	$path = $node->data_dir . '/' . $node->safe_psql('postgres', q(SELECT pg_relation_filepath('photo_h')));
	$node->stop;
}
done_testing();
