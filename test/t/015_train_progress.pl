# What a training says on its way: how many images are embedded of how many, at which speed, and how long is left. Only the
# numbers that hang on no clock are looked at; what is slow is made so.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('progress');
$node->init;
$node->start;
my $pictures = "$ENV{IMAGEHASH_SOURCE}/demo/pictures";
# Of a fetch of 8 images the first takes longer than a second. A row that is left out does so behind a fetch of 100
# embeddings, in a scan that nothing sorts: the time for the next report has come when the first epoch ends.
$node->safe_psql(
	'postgres', qq(
	CREATE EXTENSION imagehash;
	CREATE TABLE photo AS SELECT row_number() OVER (ORDER BY name) AS id, pg_read_binary_file('$pictures/' || name) AS image
		FROM pg_ls_dir('$pictures') name WHERE name LIKE '%.jpg' ORDER BY name LIMIT 12;
	CREATE FUNCTION slow(image bytea, id bigint) RETURNS bytea LANGUAGE plpgsql STABLE AS
		\$\$ BEGIN PERFORM pg_sleep(CASE WHEN id = 1 THEN 1.1 ELSE 0 END); RETURN image; END \$\$;
	CREATE TABLE item AS SELECT i AS id, (SELECT array_agg((hashint8extended(i * 10000 + j, 42) % 1000003 / 1000003.0)::real)
		FROM generate_series(1, 1280) j) AS embedding FROM generate_series(1, 101) i;
	CREATE FUNCTION slowly_no(id bigint) RETURNS boolean LANGUAGE plpgsql STABLE AS
		\$\$ BEGIN PERFORM pg_sleep(CASE WHEN id = 101 THEN 1.1 ELSE 0 END); RETURN id = 101; END \$\$;
));

# What a call says.
sub said
{
	my ($call) = @_;
	my ($status, $stdout, $stderr) = $node->psql('postgres', "SELECT $call");
	is($status, 0, $call) or diag($stderr);
	return $stderr;
}

my $left = qr/about \d+ (s|min|h \d+ min) left/;
my $speed = qr/\d+\.\d images a second/;

my $notices = said(q{train_hasher('a', 'SELECT slow(image, id) FROM photo ORDER BY id', 8, '{"views": 1, "epochs": 2}')});
like($notices, qr/NOTICE:  12 images to embed, 2 network runs each\n.*NOTICE:  embedded 8 of 12 images \($speed, $left\)\n/s,
	'all images are counted before the first, and what is left is said');
unlike($notices, qr/embedded 12 of 12 images \(.*left/, 'nothing is left at the end');

$notices = said(q{train_hasher('b', 'SELECT slow(image, id) FROM photo ORDER BY id', 8, '{"algorithm": "random", "max_rows": 5}')});
my ($drawn) = $notices =~ /NOTICE:  (\d+) of 12 images to embed, for a sample of 5, 1 network run each\n/;
ok($drawn && $drawn >= 5 && $drawn <= 12, 'of a sample those that are drawn are counted');
like($notices, qr/embedded \d+ of $drawn images \($speed, $left\)/, '... and told');

$notices = said(q{train_hasher('c', 'SELECT slow(image, id) FROM photo, (SELECT random() OFFSET 0) r ORDER BY id', 8, '{"algorithm": "random"}')});
like($notices, qr/images to embed are not counted.*embedded 8 images \($speed\)\n/s, 'without a total nothing is said of what is left');

$notices = said(q{evaluate_hasher('a', 'SELECT slow(image, id), id % 2 FROM photo ORDER BY id')});
like($notices, qr/12 images to embed, 1 network run each\n.*embedded 8 of 12 images \($speed, $left\)\n/s, 'so it is in measuring');

$notices = said(q{train_hasher('d', 'SELECT embedding FROM item WHERE NOT slowly_no(id)', 8, '{"epochs": 2, "algorithm": "autoencoder"}')});
like($notices, qr/epoch 1 of 2: loss [^\n]*, $left\n/, 'how long is left of the epochs');
like($notices, qr/epoch 2 of 2: loss (?![^\n]* left)/, '... but of the last one');

$node->stop;
done_testing();
