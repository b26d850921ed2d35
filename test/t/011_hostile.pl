# Hostile and odd images through SQL, all in one session: a hash or a clean error, never a crash, and memory stays bounded.
# A set of bombs is made here; the files of IMAGEHASH_SHARED (test collections of Pillow and image-rs, PDQ's color modes,
# EXIF orientations) come on top where they are.
use strict;
use warnings;

use Compress::Zlib qw(compress crc32);
use File::Find;
use MIME::Base64;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('hostile');
$node->init;
$node->append_conf('postgresql.conf', "shared_buffers = 128MB\nautovacuum = off");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION imagehash');

# --- bombs: name, bytes, what imagehash says ---

sub png_chunk
{
	my ($type, $data) = @_;
	return pack('N', length $data) . $type . $data . pack('N', crc32($type . $data));
}

sub png
{
	my ($width, $height, $pixels, @chunks) = @_;
	return "\x89PNG\r\n\x1a\n" . png_chunk('IHDR', pack('NNCCCCC', $width, $height, 8, 0, 0, 0, 0)) . join('', @chunks)
		. png_chunk('IDAT', compress($pixels)) . png_chunk('IEND', '');
}

# Gray, 8 x 8 blocks that are all zero bits: one byte of scan data is two blocks of one DC difference 0 and an end of block.
sub jpeg
{
	my ($width, $height, $marker, $scans) = @_;
	my $segment = sub { my ($type, $data) = @_; return "\xff" . chr($type) . pack('n', 2 + length $data) . $data; };
	return "\xff\xd8" . $segment->(0xdb, "\0" . "\x10" x 64) . $segment->($marker, pack('CnnC', 8, $height, $width, 1) . "\1\x11\0")
		# Each table has one code, 0: category 0 (DC), end of block (AC).
		. $segment->(0xc4, "\0" . "\1" . "\0" x 15 . "\0") . $segment->(0xc4, "\x10" . "\1" . "\0" x 15 . "\0")
		. join('', map { $segment->(0xda, $_->[0]) . $_->[1] } @$scans) . "\xff\xd9";
}
my @dc_scan = ("\1\1\0\0\0\0", "\0" x 4);

sub tiff
{
	my ($width, $height, @more) = @_;
	my @fields = ([ 256, 4, $width ], [ 257, 4, $height ], [ 258, 3, 8 ], [ 259, 3, 1 ], [ 262, 3, 1 ], [ 273, 4, 8 ],
		[ 277, 3, 1 ], [ 278, 4, $height ], [ 279, 4, 1 ], @more);
	return "II*\0" . pack('V', 10) . "\7\0" . pack('v', scalar @fields) . join('', map { pack('vvVV', $_->[0], $_->[1], 1, $_->[2]) } @fields) . pack('V', 0);
}

sub webp
{
	my ($chunks) = @_;
	return 'RIFF' . pack('V', 4 + length $chunks) . 'WEBP' . $chunks;
}

sub chunk { my ($name, $data) = @_; return $name . pack('V', length $data) . $data . (length($data) % 2 ? "\0" : ''); }
sub u24 { return substr(pack('V', $_[0]), 0, 3); }

# Pixels of 4 x 4.
my $rows = "\0\x40\x40\x40\x40" x 4;
my $zeros = compress("\0" x (256 << 20));
my $gif_frame = "\x2c" . pack('vvvv', 0, 0, 1, 1) . "\0" . "\2\2\x44\1\0";
my $gif = 'GIF89a' . pack('vv', 1, 1) . "\x80\0\0" . "\0\0\0\xff\xff\xff" . $gif_frame;
my $small_png = png(4, 4, $rows);
my $vp8l = "\x2f\0\0\0\0\x88\x88\x08";
my $webp_frame = chunk('ANMF', u24(0) . u24(0) . u24(0) . u24(0) . u24(1) . "\0" . chunk('VP8L', $vp8l));
my $pages = tiff(1, 1);
my %bombs = (
	'png of 100000 x 100000' => [ png(100000, 100000, "\0"), qr/^54000:image has 10000000000 pixels, more than the limit of 100000000$/ ],
	'png of 2^31-1 x 2^31-1' => [ png(0x7fffffff, 0x7fffffff, "\0"), qr/^54000:/ ],
	'png of 10000 x 10000 with no pixels' => [ png(10000, 10000, "\0"), qr/^22023:PNG image cannot be decoded/ ],
	'png whose pixels never end' => [ png(4, 4, "\0" x (64 << 20)), qr/^(hash|22023:)/ ],
	'png with a text of 256 MB' => [ png(4, 4, $rows, png_chunk('zTXt', "k\0\0$zeros") x 20), qr/^hash$/ ],
	'png with an international text of 256 MB' => [ png(4, 4, $rows, png_chunk('iTXt', "k\0\1\0\0\0$zeros") x 20), qr/^hash$/ ],
	'png with a profile of 256 MB' => [ png(4, 4, $rows, png_chunk('iCCP', "k\0\0$zeros")), qr/^hash$/ ],
	'png with 100000 chunks' => [ png(4, 4, $rows, png_chunk('tEXt', "k\0v") x 100000), qr/^hash$/ ],
	'png with a palette of 100000 colors' => [ png(4, 4, $rows, png_chunk('PLTE', 'abc' x 100000)), qr/^(hash|22023:)/ ],
	'jpeg of 65500 x 65500' => [ jpeg(65500, 65500, 0xc0, [ [ "\1\1\0\0\x3f\0", "\0" ] ]), qr/^54000:image has 4290250000 pixels/ ],
	'jpeg of 10000 x 10000 with no pixels' => [ jpeg(10000, 10000, 0xc0, [ [ "\1\1\0\0\x3f\0", "\0" ] ]),
		qr/^22023:JPEG image cannot be decoded: Corrupt JPEG data: premature end/ ],
	'jpeg of 1000 scans' => [ jpeg(8, 8, 0xc2, [ map { [@dc_scan] } 1 .. 1000 ]), qr/^54000:JPEG image of 64 pixels has 1000 scans, more than the limit of 100$/ ],
	'jpeg of 10000 x 10000 and 11 scans' => [ jpeg(10000, 10000, 0xc2, [ map { [@dc_scan] } 1 .. 11 ]),
		qr/^54000:JPEG image of 100000000 pixels has 11 scans, more than the limit of 10$/ ],
	'bmp of 100000 x 100000' => [ 'BM' . pack('VVVVVVvvVVVVVV', 58, 0, 54, 40, 100000, 100000, 1, 24, 0, 0, 0, 0, 0, 0) . "\0" x 4, qr/^54000:/ ],
	'bmp of 100000 x 100000, run-length coded' => [ 'BM' . pack('VVVVVVvvVVVVVV', 58, 0, 54, 40, 100000, 100000, 1, 8, 1, 0, 0, 0, 0, 0) . "\0\1", qr/^54000:/ ],
	'bmp with a palette of 2^31 colors' => [ 'BM' . pack('VVVVVVvvVVVVVV', 58, 0, 54, 40, 1, 1, 1, 8, 0, 0, 0, 0, 0x7fffffff, 0) . "\0" x 4, qr/^(hash|22023:)/ ],
	'tiff of 100000 x 100000' => [ tiff(100000, 100000), qr/^54000:/ ],
	'tiff of 10000 x 10000 with one byte' => [ tiff(10000, 10000), qr/^22023:/ ],
	'tiff with a tile of 2^30 pixels' => [ tiff(1, 1, [ 322, 4, 32768 ], [ 323, 4, 32768 ], [ 324, 4, 8 ], [ 325, 4, 1 ]),
		qr/^0A000:TIFF images with tiles larger than the image/ ],
	'tiff of 100000 pages' => [ substr($pages, 0, -4) . join('', map { pack('V', length($pages) + 6 * ($_ - 1)) . "\0\0" } 1 .. 100000), qr/^hash$/ ],
	'webp of 16777216 x 16777216' => [ webp(chunk('VP8X', "\0\0\0\0" . "\xff" x 6) . chunk('VP8L', $vp8l)), qr/^54000:/ ],
	'webp of 100000 frames' => [ webp(chunk('VP8X', "\2\0\0\0" . u24(0) . u24(0)) . chunk('ANIM', "\0" x 6) . $webp_frame x 100000), qr/^(hash|22023:)/ ],
	'gif of 65535 x 65535' => [ 'GIF89a' . pack('vv', 65535, 65535) . "\0\0\0" . $gif_frame . ';', qr/^54000:/ ],
	'gif of 10000 x 10000 with no pixels' => [ 'GIF89a' . pack('vv', 1, 1) . "\x80\0\0" . "\0" x 6 . "\x2c" . pack('vvvv', 0, 0, 10000, 10000) . "\0" . "\2\2\x44\1\0;", qr/^22023:GIF image is truncated: 1 of 100000000 pixels/ ],
	'gif of 100000 frames' => [ $gif . $gif_frame x 100000 . ';', qr/^hash$/ ]);

# One session asks for everything; a file each, so that psql's \gset never sees an image.
my $directory = PostgreSQL::Test::Utils::tempdir();
my @files;
for my $name (sort keys %bombs)
{
	my $path = "$directory/" . scalar(@files);
	open my $out, '>:raw', $path or die $!;
	print $out $bombs{$name}[0];
	close $out;
	push @files, [ $name, $path ];
}
my $made = @files;
my $shared = $ENV{IMAGEHASH_SHARED};
if ($shared)
{
	my @found;
	find({ no_chdir => 1, wanted => sub { push @found, $_ if -f } }, grep { -d } map { "$shared/data/$_" } qw(hostile exif pdq/misc-images));
	push @files, map { [ $_, $_ ] } sort @found;
}

$node->safe_psql('postgres', 'CREATE TABLE file (id int PRIMARY KEY, path text)');
$node->safe_psql('postgres', join(';', map { "INSERT INTO file VALUES ($_, '" . ($files[$_][1] =~ s/'/''/gr) . "')" } 0 .. $#files));

# Peak memory of the backend, in kB; it has a first image behind it, and with that the libraries.
my $peak = q(substring(pg_read_file('/proc/self/status') FROM 'VmHWM:\s*(\d+)')::int);
my $can_measure = -r '/proc/self/status';
$peak = '0' unless $can_measure;
my $script = qq(
	\\set QUIET 1
	SELECT 'first', try_perceptual_hash(pg_read_binary_file('$directory/0')), try_semantic_hash(decode('@{[ encode_base64($small_png, '') ]}', 'base64'));
	SELECT 'begin', pg_backend_pid(), $peak;
	CREATE FUNCTION judge(path text) RETURNS text LANGUAGE plpgsql AS \$\$
	DECLARE image bytea := pg_read_binary_file(path); began timestamptz := clock_timestamp(); answer text; outcome text;
	BEGIN
		BEGIN
			PERFORM perceptual_hash(image);
			answer := 'hash';
		EXCEPTION WHEN OTHERS THEN
			answer := sqlstate || ':' || sqlerrm;
		END;
		outcome := extract(milliseconds FROM clock_timestamp() - began)::int || '|' || answer;
		-- The functions that do not raise must say the same.
		IF answer IS DISTINCT FROM (SELECT coalesce(t.sqlstate || ':' || t.error, 'hash') FROM try_perceptual_hash(image) t)
			OR nullif(answer, 'hash') IS DISTINCT FROM (SELECT t.sqlstate FROM try_perceptual_hash(image) t) || ':' || image_error(image) THEN
			outcome := outcome || ' (try_perceptual_hash or image_error says otherwise)';
		END IF;
		RETURN outcome;
	END \$\$;
	SELECT 'file', id, judge(path) FROM file ORDER BY id;
	SELECT 'end', pg_backend_pid(), $peak;);
my $output = $node->safe_psql('postgres', $script);

my ($pid, $before) = $output =~ /^begin\|(\d+)\|(\d+)$/m;
my ($pid_at_end, $after) = $output =~ /^end\|(\d+)\|(\d+)$/m;
is($pid_at_end, $pid, 'one session lived to the end');
my %answers = $output =~ /^file\|(\d+)\|(.*)$/mg;
is(scalar(keys %answers), scalar(@files), 'every file has an answer');

my (%counts, @foreign, @slow);
for my $i (0 .. $#files)
{
	my ($milliseconds, $answer) = $answers{$i} =~ /^(\d+)\|(.*)$/;
	my $kind = $answer =~ /^(hash|[0-9A-Z]{5})/ ? $1 : '?';
	$counts{ $i < $made ? 'made here' : 'shared' }{$kind}++;
	push @foreign, "$files[$i][0]: $answer" unless $kind =~ /^(hash|22023|0A000|54000)$/;
	push @foreign, "$files[$i][0]: $answer" if $answer =~ /says otherwise/;
	push @slow, [ $milliseconds, $files[$i][0] ];
	like($answer, $bombs{ $files[$i][0] }[1], $files[$i][0]) if $i < $made;
}
is("@foreign", '', 'only hashes, and errors of SQLSTATE 22023, 0A000 and 54000; image_error and try_perceptual_hash agree');
for my $set (sort keys %counts)
{
	note("measured: $set: " . join(', ', map { "$_ $counts{$set}{$_}" } sort keys %{ $counts{$set} }));
}
@slow = sort { $b->[0] <=> $a->[0] } @slow;
note("measured: slowest: $_->[0] ms, $_->[1]") for @slow[ 0 .. 4 ];

SKIP:
{
	skip 'no /proc/self/status on this system', 1 unless $can_measure;
	my $grown = int(($after - $before) / 1024);
	note("measured: peak memory of the session grew by $grown MB");
	# The largest that is decoded here has 100 million pixels, at three bytes each for OpenCV's and our copy.
	cmp_ok($grown, '<', 1024, 'memory is bounded');
}

SKIP:
{
	skip 'IMAGEHASH_SHARED is not set: the collections of hostile images were not read', 1 unless $shared;
	cmp_ok(scalar(@files) - $made, '>=', 1443, 'all files of the collections were read');
}

# --- limits ---

sub answer
{
	my ($settings, $name) = @_;
	my ($index) = grep { $files[$_][0] eq $name } 0 .. $#files;
	my ($status, $stdout, $stderr) = $node->psql('postgres', "\\set VERBOSITY verbose\n$settings SELECT image_info(pg_read_binary_file('$files[$index][1]')) IS NOT NULL;"
			. "SELECT 'hash' WHERE average_hash(pg_read_binary_file('$files[$index][1]')) IS NOT NULL");
	return $stdout . $stderr;
}
my $long = 'png with 100000 chunks';
my $bytes = length $bombs{$long}[0];
like(answer("SET imagehash.max_bytes = '1kB';", $long),
	qr/54000: image has $bytes bytes, more than the limit of 1024.*imagehash\.max_bytes/s, 'imagehash.max_bytes');
like(answer("SET imagehash.max_bytes = '1kB';", $long), qr/^t/, 'a header is read however large the file is');
like(answer("SET imagehash.max_bytes = '10MB';", $long), qr/^hash$/m, 'imagehash.max_bytes that is large enough');
like(answer("SET imagehash.max_bytes = '1kB';", 'gif of 65535 x 65535'), qr/54000: image has \d+ pixels/, 'a small file is under imagehash.max_bytes');
like(answer('SET imagehash.max_bytes = 0;', $long), qr/22023: 0 kB is outside the valid range/, 'imagehash.max_bytes is 1 kB at least');
like(answer('SET imagehash.max_pixels = 15;', $long), qr/54000: image has 16 pixels, more than the limit of 15/, 'imagehash.max_pixels');
like(answer('SET imagehash.max_pixels = 6;', 'jpeg of 1000 scans'), qr/54000: image has 64 pixels/, 'pixels come before scans');

$node->stop;
done_testing();
