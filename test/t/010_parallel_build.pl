# Indexes built with parallel workers: they were used where they may be, the index answers as a sequential scan does, errors are those of a serial
# build, and what is cancelled or fails leaves no files.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('parallel_build');
$node->init;
$node->append_conf('postgresql.conf',
	"autovacuum = off\nfsync = off\njit = off\nmax_worker_processes = 16\nmax_parallel_workers = 8\nmax_parallel_maintenance_workers = 2\n");
$node->start;
$node->safe_psql(
	'postgres', q(
	CREATE EXTENSION imagehash;
	-- one of 300 centers, some bits changed
	CREATE FUNCTION picture(i int) RETURNS imagehash LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
		$$ SELECT overlay(substr(md5((i % 300)::text), 1, 16) PLACING substr(md5(i::text), 1, 4) FROM 1 + i % 12)::public.imagehash $$;
	CREATE TABLE photo (id int, category int, h imagehash) WITH (parallel_workers = 2);
	INSERT INTO photo SELECT i, i % 5, CASE WHEN i % 20 > 0 THEN picture(i) END FROM generate_series(1, 120000) i;
	CREATE FUNCTION unsafe(i int) RETURNS imagehash LANGUAGE plpgsql IMMUTABLE PARALLEL UNSAFE AS
		$$ BEGIN RETURN '0123456789abcdef'; END $$;
	CREATE FUNCTION fails_in_worker(i int) RETURNS imagehash LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
	BEGIN
		IF (SELECT backend_type FROM pg_stat_activity WHERE pid = pg_backend_pid()) = 'parallel worker' THEN
			RAISE 'no picture';
		END IF;
		RETURN '0123456789abcdef';
	END $$;
	VACUUM ANALYZE photo;
));

# Runs statements; returns what the server said, DEBUG1 included.
sub messages
{
	my ($statements, $settings) = @_;
	my ($out, $err);
	$node->psql('postgres', ($settings // '') . ";SET client_min_messages = debug1; $statements", stderr => \$err, stdout => \$out);
	return $err;
}

sub is_parallel
{
	my ($statements, $what, $settings) = @_;
	my $said = messages($statements, $settings);
	like($said, qr/using 2 parallel workers/, "$what: workers were used");
	unlike($said, qr/ERROR/, "$what: no error");
}

sub is_serial
{
	my ($statements, $what, $settings) = @_;
	unlike(messages($statements, $settings), qr/parallel workers|ERROR/, "$what: serial");
}

# The index has every row, and answers questions as the table does.
sub is_right
{
	my ($index, $what, $filter, $hash) = @_;
	$filter //= 'true';
	$hash //= 'h';
	is($node->psql('postgres', "SELECT imagehash_index_check('$index', heapallindexed => true)"), 0, "$what: index and table agree");
	my @answers;
	for my $way ('enable_seqscan = off; SET enable_sort = off', 'enable_indexscan = off; SET enable_bitmapscan = off; SET enable_indexonlyscan = off')
	{
		push @answers, $node->safe_psql(
			'postgres', qq(
			SET $way;
			SELECT i, count(*), string_agg(d::text, ' ' ORDER BY d) FROM (SELECT i, picture(i * 7919) AS q FROM generate_series(1, 7) i OFFSET 0) query,
				LATERAL (SELECT $hash <~> q AS d FROM photo WHERE $filter ORDER BY $hash <~> q LIMIT 50) s GROUP BY i ORDER BY i;
			SELECT count(*), sum(id) FROM photo WHERE $filter AND hamming_within($hash, (SELECT picture(4711)), 12);
			SELECT count(*), sum(id) FROM photo WHERE $filter AND $hash = (SELECT picture(4711));
			SELECT count(*), sum(id) FROM photo WHERE $filter AND $hash IS NULL;));
	}
	is($answers[0], $answers[1], "$what: answers are those of a sequential scan");
}

# Files of tables and indexes, and temporary ones.
sub files
{
	$node->safe_psql('postgres', 'CHECKPOINT');
	my $base = $node->data_dir . '/base';
	my @files;
	opendir(my $databases, $base) or die $!;
	for my $database (grep { !/^\./ } readdir $databases)
	{
		opendir(my $directory, "$base/$database") or next;
		push @files, map { "$database/$_" } grep { !/^\.|pg_internal.init|_(fsm|vm)$/ } readdir $directory;
	}
	return join ' ', sort @files;
}

is_serial('CREATE INDEX photo_h ON photo USING hamming (h)', 'no workers allowed', 'SET max_parallel_maintenance_workers = 0');
my $stats = 'SELECT hashes, nulls, tiers, leaves > 300 FROM imagehash_index_stats($$photo_h$$)';
my $serial = $node->safe_psql('postgres', $stats);
is_parallel('REINDEX INDEX photo_h', 'REINDEX');
is($node->safe_psql('postgres', $stats), $serial, 'the index holds what that of a serial build holds');
is_right('photo_h', 'REINDEX');
is_parallel('REINDEX INDEX CONCURRENTLY photo_h', 'REINDEX CONCURRENTLY');
is_right('photo_h', 'REINDEX CONCURRENTLY');
is_parallel('DROP INDEX photo_h; CREATE INDEX CONCURRENTLY photo_h ON photo USING hamming (h)', 'CREATE INDEX CONCURRENTLY');
is_right('photo_h', 'CREATE INDEX CONCURRENTLY');
is_parallel('REINDEX INDEX photo_h', 'little memory', q(SET maintenance_work_mem = '1MB'));
is_right('photo_h', 'little memory');
is_serial('REINDEX INDEX photo_h', 'little memory', q(SET max_parallel_maintenance_workers = 0; SET maintenance_work_mem = '1MB'));
is_right('photo_h', 'little memory, serial');
# More than there are worker processes: those that start do the work.
like(
	messages('REINDEX INDEX photo_h', 'SET max_parallel_maintenance_workers = 20; ALTER TABLE photo SET (parallel_workers = 20)'),
	qr/using 8 parallel workers/, 'fewer workers than wanted');
is_right('photo_h', 'fewer workers than wanted');
$node->safe_psql('postgres', 'ALTER TABLE photo SET (parallel_workers = 2); DROP INDEX photo_h');

is_parallel('CREATE INDEX photo_some ON photo USING hamming (h) WHERE category = 3', 'partial index, too few rows for leaves');
is_right('photo_some', 'partial index', 'category = 3');
is_parallel('CREATE INDEX photo_none ON photo USING hamming (h) WHERE category = 7', 'no rows');
is_right('photo_none', 'no rows', 'category = 7');
$node->safe_psql('postgres', 'DROP INDEX photo_some, photo_none');
is_parallel('CREATE INDEX photo_nulls ON photo USING hamming (h) WHERE h IS NULL', 'nulls only');
is($node->safe_psql('postgres', 'SELECT hashes, nulls FROM imagehash_index_stats($$photo_nulls$$)'), '0|6000', 'nulls only');
is_parallel('CREATE INDEX photo_e ON photo USING hamming (picture(id * 3))', 'expression');
is_right('photo_e', 'expression', 'true', 'picture(id * 3)');
is_serial('CREATE INDEX photo_u ON photo USING hamming (unsafe(id))', 'an expression that is not parallel safe');
is_serial('CREATE TEMP TABLE t AS SELECT * FROM photo; ALTER TABLE t SET (parallel_workers = 2); CREATE INDEX t_h ON t USING hamming (h)',
	'temporary table');
is_serial('CREATE TABLE few AS SELECT * FROM photo LIMIT 1000; CREATE INDEX few_h ON few USING hamming (h)', 'small table');
is_parallel(
	'CREATE UNLOGGED TABLE draft AS SELECT * FROM photo; ALTER TABLE draft SET (parallel_workers = 2); CREATE INDEX draft_h ON draft USING hamming (h)',
	'unlogged table');
$node->safe_psql('postgres', 'DROP TABLE draft, few; DROP INDEX photo_nulls, photo_e, photo_u');

# Hashes that do not fit are refused with the same words, wherever they lie.
for my $odd ([ 'another length', q('0011'::imagehash) ], [ 'another method', q('average:0123456789abcdef'::imagehash) ])
{
	my ($what, $hash) = @$odd;
	for my $place (50, 119999)
	{
		$node->safe_psql(
			'postgres', "CREATE TABLE mixed WITH (parallel_workers = 2) AS SELECT id, CASE WHEN id = $place THEN $hash
				WHEN id % 3 = 0 THEN ('perceptual:' || coalesce(h, '0123456789abcdef')::text)::imagehash ELSE h END AS h FROM photo ORDER BY id");
		my ($workers, $none) = map { messages('SET synchronize_seqscans = off; CREATE INDEX ON mixed USING hamming (h)', $_) }
			('', 'SET max_parallel_maintenance_workers = 0');
		like($workers, qr/using 2 parallel workers/, "$what at $place: workers were used");
		s/^.*DEBUG:.*\n//mg, s/LOCATION.*\n//mg for ($workers, $none);
		like($none, qr/ERROR:.*does not fit into index "mixed_h_idx"/, "$what at $place is refused");
		is($workers, $none, "$what at $place: the same error");
		$node->safe_psql('postgres', 'DROP TABLE mixed');
	}
}

my $before = files();
like(messages('CREATE INDEX photo_f ON photo USING hamming (fails_in_worker(id))'), qr/ERROR:  no picture/, q(a worker's error is the statement's));
like(
	messages(
		q(DO $$ BEGIN CREATE INDEX photo_f ON photo USING hamming (fails_in_worker(id)); EXCEPTION WHEN raise_exception THEN NULL; END $$;
		CREATE INDEX photo_g ON photo USING hamming (h); DROP INDEX photo_g;)),
	qr/using 2 parallel workers(?!.*ERROR).*using 2 parallel workers(?!.*ERROR)/s,
	'a caught error leaves a session that can build');
my $cancelled = 0;
for (my $after = 10; $after < 3000; $after = int($after * 1.5))
{
	my $said = messages('CREATE INDEX photo_c ON photo USING hamming (h)', "SET statement_timeout = $after");
	if ($said !~ /statement timeout/)
	{
		unlike($said, qr/ERROR/, 'not cancelled: built');
		$node->safe_psql('postgres', 'DROP INDEX photo_c');
		last;
	}
	$cancelled++;
}
cmp_ok($cancelled, '>', 1, 'builds were cancelled');
is($node->safe_psql('postgres', q(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'parallel worker')), '0', 'no worker is left');
is(files(), $before, 'what failed left no files');

$node->stop;
done_testing();
