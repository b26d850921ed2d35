# Hashers, models and columns of hashes reach a subscriber by logical replication.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $model = "$ENV{IMAGEHASH_SOURCE}/test/data/tiny_network.pt";
my $weights = 'IHSH' . pack('V5', 1, 16, 0, 16, 0)
  . join('', map { my $i = $_; map { pack('f<', $_ == $i ? 1 : 0) } 0 .. 15 } 0 .. 15) . pack('f<', 0) x 16;
my $hex = unpack('H*', $weights);

sub new_node
{
	my ($name) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init(allows_streaming => 'logical');
	$node->append_conf('postgresql.conf', "wal_retrieve_retry_interval = 200ms\n");
	$node->start;
	$node->safe_psql(
		'postgres', q(
		CREATE EXTENSION imagehash;
		CREATE TABLE photo (id int PRIMARY KEY, e real[], h imagehash);
	));
	return $node;
}

sub subscribe
{
	my ($subscriber, $publisher, $publication) = @_;
	$subscriber->safe_psql('postgres',
		"CREATE SUBSCRIPTION $publication CONNECTION '" . $publisher->connstr . " dbname=postgres' PUBLICATION $publication");
	$subscriber->wait_for_subscription_sync($publisher, $publication);
}

my $publisher = new_node('publisher');
$publisher->safe_psql(
	'postgres', qq(
	SELECT create_image_model('tiny', '$model', encode(sha256(pg_read_binary_file('$model')), 'hex'), '{"side": 32, "mean": 0, "std": 255}');
	SELECT import_hasher('early', 'tiny', '\\x$hex', '{"seed": 1}');
	INSERT INTO photo SELECT i, ARRAY(SELECT sin(i * j)::real FROM generate_series(1, 16) j) FROM generate_series(1, 1000) i;
	UPDATE photo SET h = embedding_hash(e, 'early');
	CREATE PUBLICATION hashes FOR TABLE photo, imagehash.hasher, imagehash.image_model;
	CREATE PUBLICATION everything FOR ALL TABLES;
));

my $subscriber = new_node('subscriber');
# What the subscriber computes by itself, with a hasher that only comes by replication.
$subscriber->safe_psql(
	'postgres', q(
	ALTER TABLE photo ADD own imagehash GENERATED ALWAYS AS (embedding_hash(e, 'early')) STORED;
	CREATE INDEX photo_h ON photo USING hamming (h);
));
subscribe($subscriber, $publisher, 'hashes');
my $catalog = q(SELECT md5(string_agg(h::text, ',' ORDER BY name)) FROM imagehash.hasher h WHERE weights IS NOT NULL
	UNION ALL SELECT md5(string_agg(m::text, ',' ORDER BY name)) FROM imagehash.image_model m WHERE file LIKE '/%'
	UNION ALL SELECT count(*)::text FROM imagehash.hasher UNION ALL SELECT count(*)::text FROM imagehash.image_model);
my $photos = q(SELECT md5(string_agg(concat(id, e, h), ',' ORDER BY id)) FROM photo);

sub same_everywhere
{
	my ($what, @nodes) = @_;
	for my $node (@nodes)
	{
		my $name = $node->name;
		$publisher->wait_for_catchup($name eq 'subscriber' ? 'hashes' : 'everything');
		is($node->safe_psql('postgres', $catalog), $publisher->safe_psql('postgres', $catalog), "$name, $what: the catalog");
		is($node->safe_psql('postgres', $photos), $publisher->safe_psql('postgres', $photos), "$name, $what: the hashes");
	}
}

same_everywhere('at first', $subscriber);
is($subscriber->safe_psql('postgres', 'SELECT count(*) FROM photo WHERE h = own'), '1000', 'the subscriber hashes with what it was sent');

# A publication of all tables brings what is shipped, which is there already.
my $other = new_node('other');
subscribe($other, $publisher, 'everything');
same_everywhere('at first', $other);

# A hasher and hashes made with it, in one transaction; pictures too, by the model that was sent.
my $picture = "decode('Qk06AAAAAAAAADYAAAAoAAAAAQAAAAEAAAABABgAAAAAAAQAAADEDgAAxA4AAAAAAAAAAAAA////AA==', 'base64')";
my $eight = unpack('H*', 'IHSH' . pack('V5', 1, 16, 0, 8, 0) . pack('f<', 1) x (17 * 8));
$subscriber->safe_psql('postgres', 'DROP INDEX photo_h');
$publisher->safe_psql(
	'postgres', qq(
	BEGIN;
	SELECT import_hasher('late', 'tiny', '\\x$eight');
	INSERT INTO photo SELECT 1000 + i, e, embedding_hash(e, 'late') FROM photo CROSS JOIN LATERAL (SELECT id) s (i);
	COMMIT;
	CALL rehash_column('photo', 'h', 'e', 'late');
));
same_everywhere('later', $subscriber, $other);
is($_->safe_psql('postgres', q(SELECT count(*) FROM photo WHERE h = embedding_hash(e, 'late'))), '2000',
	$_->name . ' hashes with the later one') for ($subscriber, $other);
is($subscriber->safe_psql('postgres', "SELECT semantic_hash($picture, 'late')"), $publisher->safe_psql('postgres',
	"SELECT semantic_hash($picture, 'late')"), 'the subscriber hashes pictures');

# A drop is replicated; where the hasher is used it waits for its user to go.
$publisher->safe_psql('postgres', "SELECT drop_hasher('early')");
same_everywhere('after a drop', $other);
$subscriber->wait_for_log(qr/cannot drop hasher "early" because other objects use it/);
is($subscriber->safe_psql('postgres', q(SELECT count(*) FROM imagehash.hasher WHERE name = 'early')), '1', 'a subscriber that uses a hasher keeps it');
$subscriber->safe_psql('postgres', 'ALTER TABLE photo DROP own');
same_everywhere('after its user has gone', $subscriber);

$_->stop for ($subscriber, $other, $publisher);
done_testing();
