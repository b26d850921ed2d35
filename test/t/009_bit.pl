# The access method for bit columns, by imagehash_vector on pgvector's operator (or on what stands in for it, see
# test/lib/pgvector): everything that a sequential scan gives, at lengths that fill their bytes and words and at such
# that do not. SEED=n repeats the questions of a run.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = $ENV{SEED} // int(rand(1e6));
note "seed $seed";
srand($seed);

my $node = PostgreSQL::Test::Cluster->new('bit');
$node->init;
$node->append_conf('postgresql.conf', "autovacuum = off\nfsync = off\njit = off\nmax_parallel_workers_per_gather = 0\n");
$node->start;
$node->safe_psql(
	'postgres', q(
	CREATE EXTENSION imagehash_vector CASCADE;
	-- one of 20 centers with an eighth of its bits flipped, and many equal ones
	CREATE FUNCTION noise(seed text) RETURNS bit(1024) LANGUAGE sql IMMUTABLE AS
		$$ SELECT ('x' || string_agg(encode(sha256((seed || i)::bytea), 'hex'), ''))::bit(1024) FROM generate_series(1, 4) i $$;
	CREATE FUNCTION code(r int, n int) RETURNS "bit" LANGUAGE sql IMMUTABLE AS
		$$ SELECT substring(noise('centre ' || r % 20) # (noise('a' || r % 997) & noise('b' || r % 997) & noise('c' || r % 997)) FROM 1 FOR n) $$;
));
note 'pgvector ' . $node->safe_psql('postgres', q(SELECT extversion FROM pg_extension WHERE extname = 'vector'));

my $by_index = 'SET enable_seqscan = off; SET enable_sort = off;';
my $by_table = 'SET enable_indexscan = off; SET enable_indexonlyscan = off; SET enable_bitmapscan = off;';

my @questions = (
	'SELECT count(*), string_agg(d::text, $$ $$) FROM (SELECT e <~> q AS d FROM items ORDER BY e <~> q LIMIT k) s',
	'SELECT count(*), string_agg(d::text, $$ $$) FROM (SELECT e <~> q AS d FROM items WHERE id % 3 = 0 ORDER BY e <~> q LIMIT k) s',
	'SELECT count(*), sum(id), count(d), count(*) FILTER (WHERE d < before) FROM (SELECT id, d, lag(d) OVER () AS before FROM (SELECT id, e <~> q AS d FROM items ORDER BY e <~> q) s) t',
	'SELECT count(*), sum(length(e)), md5(string_agg(e::text, $$ $$ ORDER BY e)) FROM (SELECT e FROM items ORDER BY e <~> q OFFSET 0) s',
	'SELECT count(*), sum(id) FROM items WHERE e = q',
	'SELECT count(*), sum(id) FROM items WHERE e <~> q <= r',
	'SELECT count(*), sum(id) FROM items WHERE r > hamming_distance(q, e)',
	'SELECT count(*), string_agg(d::text, $$ $$) FROM (SELECT e <~> q AS d FROM items WHERE e <~> q < r AND e IS NOT NULL ORDER BY e <~> q LIMIT k) s',
	'SELECT count(*), sum(id) FROM items WHERE e IS NULL');

# All questions both ways, a few times; returns how many answers differ.
sub ask
{
	my ($n, $rounds) = @_;
	my @asked;
	for my $round (1 .. $rounds)
	{
		my $k = (1, 10, 100, 100000)[ int(rand(4)) ];
		my $radius = (0, 0.5, int(rand($n / 4)), int(rand($n)), "'NaN'", "'-Infinity'")[ int(rand(6)) ];
		my $query = $round % 2 ? 'code(' . int(rand(1e6)) . ", $n)" : "substring(noise('" . rand() . "') FROM 1 FOR $n)";
		$query = $node->safe_psql('postgres', "SELECT $query");
		for my $form (@questions)
		{
			my $question = $form;
			$question =~ s/\bq\b/B'$query'/g;
			$question =~ s/\bk\b/$k/g;
			$question =~ s/\br\b/$radius/g;
			push @asked, "$question;";
		}
	}
	my @index = split /\n/, $node->safe_psql('postgres', join ' ', $by_index, @asked);
	my @table = split /\n/, $node->safe_psql('postgres', join ' ', $by_table, @asked);
	my $differ = grep { ($index[$_] // '') ne ($table[$_] // '') } 0 .. $#asked;
	for my $i (0 .. $#asked)
	{
		next if ($index[$i] // '') eq ($table[$i] // '');
		diag("seed $seed: $asked[$i] $index[$i], not $table[$i]");
		last;
	}
	return $differ;
}

my $check = q(SELECT imagehash_index_check('items_e', heapallindexed => true));
my $stats = q(SELECT bits, method, hashes + nulls = (SELECT count(*) FROM items) FROM imagehash_index_stats('items_e'));

for my $n (1, 7, 8, 63, 64, 65, 256, 1000, 1024)
{
	my $row = "SELECT i, CASE WHEN i % 17 > 0 THEN code(i, $n) END FROM generate_series";
	$node->safe_psql(
		'postgres', "
		DROP TABLE IF EXISTS items;
		CREATE TABLE items (id int, e bit($n));
		INSERT INTO items $row(1, 600) i;
		CREATE INDEX items_e ON items USING hamming (e bit_hamming_ops);
		INSERT INTO items $row(601, 1200) i;
		DELETE FROM items WHERE id % 11 = 0;");
	is(ask($n, 4), 0, "$n bits: the index and the table agree");
	$node->safe_psql('postgres', 'VACUUM ANALYZE items');
	is(ask($n, 4), 0, "$n bits: after VACUUM");
	is($node->safe_psql('postgres', $check), '', "$n bits: the index is whole");
	is($node->safe_psql('postgres', $stats), "$n|unknown|t", "$n bits: and has every row");
}

# 1024 bits, of which 56 fit on a page: merged into tiers, from a list of a length of its own.
$node->safe_psql(
	'postgres', q(
	ALTER INDEX items_e SET (pending_list_limit = 256);
	INSERT INTO items SELECT i, code(i, 1024) FROM generate_series(2001, 9000) i;));
is($node->safe_psql('postgres', q(SELECT tiers > 0 AND pending < 33 * 56 FROM imagehash_index_stats('items_e'))), 't', 'inserts were merged');
is(ask(1024, 3), 0, 'merged: the index and the table agree');
is($node->safe_psql('postgres', $check), '', 'merged: the index is whole');

# Plans.
sub plan_of
{
	my ($query) = @_;
	return $node->safe_psql('postgres', "$by_index EXPLAIN (COSTS OFF) $query");
}
my $one = $node->safe_psql('postgres', 'SELECT code(1, 1024)');
$node->safe_psql('postgres', 'VACUUM ANALYZE items');
is($node->safe_psql('postgres', "SELECT imagehash_index_recall('items_e', ARRAY[B'$one', B'$one'], 5, 1)"), '1', 'the recall of exact searches');
like(plan_of("SELECT id FROM items ORDER BY e <~> B'$one' LIMIT 5"), qr/Index Scan using items_e.*\n +Order By/, 'ORDER BY uses the index');
like(plan_of("SELECT e FROM items ORDER BY e <~> B'$one' LIMIT 5"), qr/Index Only Scan using items_e/, 'an index-only scan');
like(plan_of("SELECT id FROM items WHERE e <~> B'$one' <= 9"), qr/Index Cond: \(e <@ ROW/, 'a radius uses the index');
like(plan_of("SELECT id FROM items WHERE e = B'$one'"), qr/Index Cond: \(e = /, 'equality uses the index');
is( $node->safe_psql(
		'postgres', "$by_index SET plan_cache_mode = force_generic_plan;
		PREPARE near(bit, float8) AS SELECT count(*) > 0 AND bool_and(e <~> \$1 <= 150) FROM items WHERE e <~> \$1 <= \$2;
		EXECUTE near(B'$one', 150);"), 't', 'a prepared query within a radius');
is( $node->safe_psql(
		'postgres', "$by_index SELECT count(*) FROM (SELECT e FROM items WHERE e IS NOT NULL LIMIT 20) q,
		LATERAL (SELECT e <~> q.e AS d FROM items WHERE e <~> q.e <= 200 ORDER BY e <~> q.e LIMIT 1) n WHERE d = 0"), '20', 'a search for each of many rows');

# Errors: those of a sequential scan, and those of the index.
sub error_of
{
	my ($sql) = @_;
	my ($rc, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\n$sql");
	return $err =~ /ERROR:  (.*)/ ? $1 : "no error: $out";
}
for my $query ("SELECT id FROM items ORDER BY e <~> B'101' LIMIT 1", "SELECT e FROM items ORDER BY e <~> B'101' LIMIT 1",
	"SELECT id FROM items WHERE e <~> B'101' <= 3", "SELECT id FROM items WHERE e <~> repeat('1', 3000)::varbit <= 3")
{
	my ($index, $table) = (error_of("$by_index $query"), error_of("$by_table $query"));
	like($index, qr/^22000: different bit lengths 1024 and /, "another length: $index");
	is($index, $table, 'as a sequential scan says');
}
is($node->safe_psql('postgres', "$by_index SELECT count(*) FROM items WHERE e = B'101'"), '0', 'nothing equals another length');
like(error_of('CREATE TABLE long (e bit(1025)); CREATE INDEX ON long USING hamming (e bit_hamming_ops)'),
	qr/^54000: value of 1025 bits does not fit/, 'a column that is too long');
$node->safe_psql('postgres', 'CREATE TABLE any_length (e bit varying); CREATE INDEX any_length_e ON any_length USING hamming (e bit_hamming_ops)');
like(error_of(q(INSERT INTO any_length VALUES (repeat('1', 1025)::varbit))), qr/^54000: value of 1025 bits does not fit/, 'a value that is too long');
like(error_of(q(INSERT INTO any_length VALUES (''))), qr/^54000: value of 0 bits does not fit/, 'no bits');
is($node->safe_psql('postgres', q(INSERT INTO any_length VALUES ('10101'),
	('00000'); SET enable_seqscan = off; SELECT e FROM any_length ORDER BY e <~> B'00001' LIMIT 1)), '00000', 'bit varying, all of one length');
like(error_of(q(INSERT INTO any_length VALUES ('101'))), qr/^22026: bit string of 3 bits does not fit/, 'two lengths');
is($node->safe_psql('postgres', q(SELECT bits FROM imagehash_index_stats('any_length_e'))), '5', 'refused values leave no trace');

# Operator classes, and what else the extension has.
is( $node->safe_psql(
		'postgres', q(SELECT pg_describe_object(classid, objid, 0) FROM pg_depend WHERE deptype = 'e' AND refclassid = 'pg_extension'::regclass
		AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'imagehash_vector') AND classid <> 'pg_opfamily'::regclass
		AND NOT (classid = 'pg_type'::regclass AND objid IN (SELECT typarray FROM pg_type))
		AND obj_description(objid, classid::regclass::name) IS NULL)), '', 'everything has a comment');
is($node->safe_psql('postgres',
	q(SELECT bool_and(amvalidate(o.oid)), count(*) FROM pg_opclass o JOIN pg_am a ON a.oid = opcmethod WHERE amname = 'hamming')), 't|2',
	'both operator classes are in order');
$node->safe_psql(
	'postgres', q(
	CREATE OPERATOR CLASS lacking_ops FOR TYPE bit USING hamming AS OPERATOR 1 <~> (bit, bit) FOR ORDER BY float_ops;
	CREATE OPERATOR CLASS more_ops FOR TYPE bit USING hamming AS OPERATOR 1 <~> (bit, bit) FOR ORDER BY float_ops,
		OPERATOR 2 =, OPERATOR 3 <@ (bit, bit_ball), OPERATOR 4 <>;));
is($node->safe_psql('postgres', q(SELECT amvalidate(oid) FROM pg_opclass WHERE opcname IN ('lacking_ops', 'more_ops'))), "f\nf", 'others are not');

# A dump comes back in an order that works, and pgvector cannot be dropped from under the index.
like(error_of('DROP EXTENSION vector'), qr/^2BP01:/, 'the index depends on pgvector');
$node->safe_psql('postgres', 'DROP OPERATOR FAMILY lacking_ops USING hamming CASCADE; DROP OPERATOR FAMILY more_ops USING hamming CASCADE');
my $dump = $node->basedir . '/dump.sql';
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'pg_dump', '-h', $node->host, '-p', $node->port, '-f', $dump, 'postgres' ], 'pg_dump');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-h', $node->host, '-p', $node->port, '-f', $dump, 'restored' ], 'restored');
is($node->safe_psql('restored', $stats), '1024|unknown|t', 'with its rows');
is($node->safe_psql('restored', q(SELECT pg_get_indexdef('items_e'::regclass))),
	q(CREATE INDEX items_e ON public.items USING hamming (e) WITH (pending_list_limit='256')), 'and its parameters');
$node->stop;
done_testing();
