# Binary output and input of imagehash: COPY (FORMAT binary) round trip, and values that are cut off or too long.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('binary');
$node->init;
$node->start;
$node->safe_psql(
	'postgres', q(
	CREATE EXTENSION imagehash;
	CREATE TABLE original AS SELECT h FROM unnest(ARRAY['ff', 'perceptual:0123456789abcdef', 'semantic-deadbeef:' || repeat('5a', 32),
		repeat('a5', 128), NULL]::imagehash[]) h;
	CREATE TABLE copy (h imagehash);
));

my $file = $node->basedir . '/hashes';
$node->safe_psql('postgres', "COPY original TO '$file' (FORMAT binary)");
$node->safe_psql('postgres', "COPY copy FROM '$file' (FORMAT binary)");
is( $node->safe_psql(
		'postgres', 'SELECT count(*), count(c.h) FROM original o JOIN copy c ON o.h IS NOT DISTINCT FROM c.h'),
	'5|4', 'every value comes back');

# A file of one row with one field of these bytes.
sub copy_bytes
{
	my ($bytes) = @_;
	my $content = "PGCOPY\n\xff\r\n\0" . pack('NN', 0, 0) . pack('nN', 1, length $bytes) . $bytes . pack('n', 0xffff);
	open my $out, '>:raw', $file or die $!;
	print $out $content;
	close $out;
	my ($status, $stdout, $stderr) = $node->psql('postgres', "\\set VERBOSITY verbose\nCOPY copy FROM '$file' (FORMAT binary)");
	return $stderr;
}

is(copy_bytes(pack('N', 3) . "\x01\x02"), '', 'a method and two bytes of code');
is(copy_bytes(pack('N', $_) . "\x01"), '', "method $_") for (0, 8, 65536, 0xffffffff);
like(copy_bytes(pack('N', $_) . "\x01"),
	qr/ERROR:  22P03: invalid method in external "imagehash" value: $_\n/, "method $_, which no release has given out") for (9, 10, 99, 65535);
like(copy_bytes(''), qr/ERROR:  08P01: insufficient data left in message/, 'nothing');
like(copy_bytes("\0\0"), qr/ERROR:  08P01: insufficient data left in message/, 'half a method');
like(copy_bytes("\0\0\0\0"), qr/ERROR:  22P03: invalid length in external "imagehash" value: 0 bytes of code/, 'no code');
like(copy_bytes("\0" x 133), qr/ERROR:  22P03: invalid length in external "imagehash" value: 129 bytes of code/, 'a long code');

$node->safe_psql('postgres', 'DROP TABLE copy; CREATE TABLE copy (h imagehash(64))');
like(copy_bytes(pack('N', 3) . "\x01\x02"), qr/ERROR:  22026: hash of 16 bits does not match type imagehash\(64\)/, 'not the length of the column');

$node->stop;
done_testing();
