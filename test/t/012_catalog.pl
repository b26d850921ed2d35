# Hashers and models outlive the database they were made in: dump and restore, in each way and with tables that sort
# before the catalog; a standby; a model's file that changes or is missing.
use strict;
use warnings;

use File::Copy;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('catalog');
$node->init(allows_streaming => 1);
$node->start;
my $directory = PostgreSQL::Test::Utils::tempdir;
my $model = "$directory/tiny.pt";
copy("$ENV{IMAGEHASH_SOURCE}/test/data/tiny_network.pt", $model) or die "copy: $!";

# A hasher of 16 values and 16 bits: 256 weights of 0 or 1, no bias.
my $weights = 'IHSH' . pack('V5', 1, 16, 0, 16, 0)
  . join('', map { my $i = $_; map { pack('f<', $_ == $i ? 1 : 0) } 0 .. 15 } 0 .. 15) . pack('f<', 0) x 16;
my $hex = unpack('H*', $weights);
my $picture = "decode('Qk06AAAAAAAAADYAAAAoAAAAAQAAAAEAAAABABgAAAAAAAQAAADEDgAAxA4AAAAAAAAAAAAA////AA==', 'base64')";

# Schemas on both sides of "imagehash" in the order of pg_dump, and the functions in a schema of their own.
$node->safe_psql(
	'postgres', qq(
	CREATE SCHEMA ext;
	CREATE EXTENSION imagehash SCHEMA ext;
	SET search_path = public, ext;
	SELECT create_image_model('tiny', '$model', encode(sha256(pg_read_binary_file('$model')), 'hex'),
		'{"side": 32, "mean": [1.5, 0, 0.1], "std": 255, "channels": "bgr"}');
	SELECT import_hasher('my "own" hasher''s', 'tiny', '\\x$hex', '{"seed": 1}');
	CREATE ROLE maker;
	CREATE ROLE stranger;
	CREATE ROLE admin SUPERUSER LOGIN;
	GRANT USAGE ON SCHEMA ext TO maker, stranger;
	GRANT EXECUTE ON FUNCTION import_hasher TO maker;
	SET ROLE maker;
	SELECT import_hasher('maker''s', 'tiny', '\\x$hex');
	RESET ROLE;
	CREATE SCHEMA app;
	CREATE TABLE app.item (id int, e real[], photo bytea,
		h imagehash(16) GENERATED ALWAYS AS (embedding_hash(e, 'my "own" hasher''s')) STORED,
		p imagehash(16) GENERATED ALWAYS AS (semantic_hash(photo, 'my "own" hasher''s')) STORED,
		v real[] GENERATED ALWAYS AS (image_embedding(photo, 'tiny')) STORED);
	CREATE INDEX ON app.item USING hamming (h);
	CREATE SCHEMA zoo;
	CREATE TABLE zoo.item (LIKE app.item INCLUDING ALL);
	INSERT INTO app.item (id, e, photo) SELECT i, array_fill((i % 3 - 1)::real, '{16}'), $picture FROM generate_series(1, 500) i;
	INSERT INTO zoo.item (id, e, photo) SELECT id, e, photo FROM app.item;
));
my $contents = q(SELECT md5(string_agg(i::text, ',' ORDER BY id)) FROM app.item i UNION ALL SELECT md5(string_agg(i::text, ',' ORDER BY id)) FROM zoo.item i
	UNION ALL SELECT md5(string_agg(h::text, ',' ORDER BY name)) FROM imagehash.hasher h WHERE weights IS NOT NULL
	UNION ALL SELECT md5(string_agg(m::text, ',' ORDER BY name)) FROM imagehash.image_model m WHERE file LIKE '/%'
	UNION ALL SELECT count(*)::text FROM imagehash.hasher);
my $expected = $node->safe_psql('postgres', $contents);

# Plain, custom, in parallel.
my $connection = $node->connstr('postgres');
command_ok([ 'pg_dump', '-f', "$directory/plain.sql", $connection ], 'pg_dump, plain');
command_ok([ 'pg_dump', '-Fc', '-f', "$directory/custom", $connection ], 'pg_dump, custom');
command_ok([ 'pg_dump', '-Fd', '-j', '2', '-f', "$directory/parallel", $connection ], 'pg_dump, directory');
$node->safe_psql('postgres', "CREATE DATABASE $_") for qw(plain custom parallel schema_only);
command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', "$directory/plain.sql", $node->connstr('plain') ], 'restore, plain');
command_ok([ 'pg_restore', '-e', '-d', $node->connstr('custom'), "$directory/custom" ], 'restore, custom');
command_ok([ 'pg_restore', '-e', '-j', '4', '-d', $node->connstr('parallel'), "$directory/parallel" ], 'restore, four jobs');
is($node->safe_psql($_, $contents), $expected, "$_: tables, hashes and catalog are as they were") for qw(plain custom parallel);
command_ok([ 'pg_restore', '-e', '--schema-only', '-d', $node->connstr('schema_only'), "$directory/custom" ], 'restore of the schema alone');
is( $node->safe_psql('schema_only', q(INSERT INTO app.item (id, e) VALUES (1, array_fill(1::real, '{16}')) RETURNING h)),
	$node->safe_psql('postgres', 'SELECT h FROM app.item WHERE id = 2'), 'with the schema comes the hasher');

# Whose a hasher is comes with the grants of a dump, also where another superuser restores it; without grants it is the
# extension owner's alone.
sub may_drop
{
	my ($database, $role) = @_;
	my ($result, $output, $error) = $node->psql($database, "BEGIN; SET LOCAL ROLE $role; SELECT ext.drop_hasher('maker''s'); ROLLBACK");
	return $error =~ /must be owner of hasher "maker's"/ ? 'no' : $error eq '' ? 'yes' : $error;
}
$node->safe_psql('postgres', 'CREATE DATABASE no_grants');
$node->safe_psql('postgres', 'CREATE DATABASE plain_no_grants');
$node->safe_psql('postgres', 'CREATE DATABASE by_admin');
command_ok([ 'pg_restore', '-e', '-x', '-d', $node->connstr('no_grants'), "$directory/custom" ], 'restore, custom, without grants');
command_ok([ 'pg_dump', '-x', '-f', "$directory/plain_no_grants.sql", $connection ], 'pg_dump, plain, without grants');
command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', "$directory/plain_no_grants.sql", $node->connstr('plain_no_grants') ], 'restore, plain, without grants');
command_ok([ 'pg_restore', '-e', '-U', 'admin', '-d', $node->connstr('by_admin'), "$directory/custom" ], 'restore by another superuser');
$node->safe_psql($_, 'GRANT USAGE ON SCHEMA ext TO PUBLIC') for qw(no_grants plain_no_grants);
is(may_drop($_, 'maker'), 'yes', "$_: who made a hasher owns it") for qw(postgres plain custom parallel by_admin);
is(may_drop($_, 'maker'), 'no', "$_: nobody but the owner of the extension owns it") for qw(no_grants plain_no_grants);
is(may_drop($_, 'postgres'), 'yes', "$_: the owner of the extension may drop it") for qw(postgres no_grants plain_no_grants);
is(may_drop($_, 'stranger'), 'no', "$_: others may not drop it") for qw(postgres plain custom parallel by_admin no_grants plain_no_grants);
is($node->safe_psql($_, $contents), $expected, "$_: everything else is as it was") for qw(no_grants plain_no_grants by_admin);

my ($result, $output, $error) = $node->psql('plain', 'DROP EXTENSION imagehash');
like($error, qr/other objects depend on it/, 'the extension does not go while there are hashers, but with CASCADE');

# A standby hashes with the files it has.
$node->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('catalog_standby');
$standby->init_from_backup($node, 'backup', has_streaming => 1);
$standby->start;
my $hash = q(SELECT ext.embedding_hash(array_fill(1::real, '{16}'), 'late'));
$node->safe_psql('postgres', "SELECT ext.import_hasher('late', 'tiny', '\\x$hex')");
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
is($standby->safe_psql('postgres', $hash), $node->safe_psql('postgres', $hash), 'a standby hashes');
is($standby->safe_psql('postgres', "SELECT ext.semantic_hash($picture, 'late')"),
	$node->safe_psql('postgres', "SELECT ext.semantic_hash($picture, 'late')"), 'a standby hashes images');

# One session goes on while another drops and replaces what it uses.
$node->safe_psql('postgres', 'CREATE TABLE seen (bits int)');
my $loop = q(DO $$
DECLARE n int; last int := -1;
BEGIN
	FOR i IN 1 .. 3000 LOOP
		BEGIN
			SELECT ext.bit_length(ext.embedding_hash(array_fill(i::real, '{16}'), 'late')) INTO n;
		EXCEPTION WHEN undefined_object THEN n := 0;
		END;
		IF n <> last THEN INSERT INTO seen VALUES (n); END IF;
		COMMIT;
		last := n;
		EXIT WHEN n = 8;
		PERFORM pg_sleep(0.02);
	END LOOP;
END $$);
my $user = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', $loop ]);
$node->poll_query_until('postgres', 'SELECT EXISTS (SELECT FROM seen WHERE bits = 16)');
$node->safe_psql('postgres', q(SELECT ext.drop_hasher('late')));
$node->poll_query_until('postgres', 'SELECT EXISTS (SELECT FROM seen WHERE bits = 0)');
my $eight = unpack('H*', 'IHSH' . pack('V5', 1, 16, 0, 8, 0) . pack('f<', 1) x (17 * 8));
$node->safe_psql('postgres', "SELECT ext.import_hasher('late', 'tiny', '\\x$eight')");
$user->finish;
is($node->safe_psql('postgres', q(SELECT string_agg(bits::text, ',' ORDER BY ctid) FROM seen)), '16,0,8',
	'a session notices that a hasher was dropped and another took its name');

# A column gets another hasher beside writers; stopped once, and called again.
$node->safe_psql('postgres', qq(
	SELECT ext.import_hasher('sixteen', 'tiny', '\\x$hex');
	CREATE TABLE photo (id int PRIMARY KEY, e real[], old ext.imagehash, h ext.imagehash);
	INSERT INTO photo SELECT i, ARRAY(SELECT sin(i * j)::real FROM generate_series(1, 16) j) FROM generate_series(1, 30000) i;
	UPDATE photo SET old = ext.embedding_hash(e, 'late'), h = ext.embedding_hash(e, 'sixteen') WHERE id % 3 = 0;
	CREATE INDEX photo_h ON photo USING hamming (h);
));
my $call = q(CALL ext.rehash_column('photo', 'h', 'e', 'sixteen', 100));
my $writes = q(DO $$ BEGIN FOR i IN 1 .. 4000 LOOP
	UPDATE photo SET e = e || e[1], h = NULL WHERE id = 1 + i * 7919 % 30000;
	UPDATE photo SET e = e[1:16] WHERE id = 1 + i * 7919 % 30000;
	COMMIT;
END LOOP; END $$);
my $writer = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', $writes ]);
$node->poll_query_until('postgres', "SELECT EXISTS (SELECT FROM photo WHERE id = 7920 AND h IS NULL)");
($result, $output, $error) = $node->psql('postgres', "SET statement_timeout = '30ms'; $call");
like($error, qr/canceling statement due to statement timeout/, 'rehash is stopped');
my $done = $node->safe_psql('postgres', 'SELECT count(h) FROM photo');
cmp_ok($done, '<', 30000, "... with $done of 30000 rows");
($result, $output, $error) = $node->psql('postgres', $call);
is($result, 0, 'called again beside a writer, it goes on') or diag($error);
$writer->finish;
$node->safe_psql('postgres', $call);
is($node->safe_psql('postgres', q(SELECT count(*) FROM photo WHERE h::text IS DISTINCT FROM ext.embedding_hash(e, 'sixteen')::text)), '0', 'every row has its hash');
is($node->safe_psql('postgres', q(SELECT ext.imagehash_index_check('photo_h', true))), '', 'the index holds them');

# The model's file is another one, or gone: new sessions refuse images, embeddings go on.
append_to_file($model, 'x');
($result, $output, $error) = $node->psql('postgres', "SELECT ext.semantic_hash($picture, 'late')");
like($error, qr/is not the one registered as model "tiny".*Its SHA-256 is [0-9a-f]{64}, expected is [0-9a-f]{64}/s, 'a changed file is refused');
unlink $model;
($result, $output, $error) = $node->psql('postgres', "SELECT ext.semantic_hash($picture, 'late')");
like($error, qr/could not read file "\Q$model\E" of model "tiny".*Its SHA-256 is [0-9a-f]{64}/s, 'a missing file is named');
is($node->safe_psql('postgres', q(SELECT ext.bit_length(ext.embedding_hash(array_fill(1::real, '{16}'), 'late')))), '8', 'embeddings are hashed without it');

$standby->stop;
$node->stop;
done_testing();
