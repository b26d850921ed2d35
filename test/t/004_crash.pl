# kill -9 of the whole server, or of a backend that writes or vacuums, while rows are inserted, deleted and vacuumed: after recovery the index gives
# what the table has. The table is large enough for its index to be merged part by part. An unlogged index starts empty.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $rounds = 4;

my $node = PostgreSQL::Test::Cluster->new('crash');
$node->init;
# Long hashes, of which a page holds 56: the pending list fills, and is merged, every 7,000 rows. Small buffers and frequent checkpoints: pages reach the disk in every state of a change.
$node->append_conf('postgresql.conf', "shared_buffers = 1MB\ncheckpoint_timeout = 30s\nmax_wal_size = 32MB\nfsync = on\nrestart_after_crash = on\n");
$node->start;
$node->safe_psql(
	'postgres', q(
	CREATE EXTENSION imagehash;
	CREATE TABLE photo (id serial, writer int, h imagehash(1024));
	INSERT INTO photo (writer, h) SELECT 2, repeat(md5((i % 5000)::text), 8)::imagehash FROM generate_series(1, 52000) i;
	CREATE INDEX photo_h ON photo USING hamming (h);
	CREATE UNLOGGED TABLE draft (h imagehash(64));
	CREATE INDEX draft_h ON draft USING hamming (h);
	INSERT INTO draft SELECT substr(md5(i::text), 1, 16)::imagehash FROM generate_series(1, 2000) i;
));

# Rows of the table that the index does not find, and the other way round, by code and by NULL.
my $differences = q(
	SET enable_bitmapscan = off;
	SET enable_sort = off;
	SET enable_seqscan = off;
	CREATE TEMP TABLE by_index AS SELECT id, h FROM photo ORDER BY h <~> repeat('c4ca4238a0b92382', 16)::imagehash;
	SET enable_indexscan = off;
	SET enable_seqscan = on;
	SET enable_sort = on;
	CREATE TEMP TABLE by_table AS SELECT id, h FROM photo;
	SELECT imagehash_index_check('photo_h', heapallindexed => true);
	SELECT (SELECT count(*) FROM (TABLE by_index EXCEPT ALL TABLE by_table) a) + (SELECT count(*) FROM (TABLE by_table EXCEPT ALL TABLE by_index) b);
);

# The next server does not start before the process of the last is gone; until its parent has taken note, it is not.
sub wait_until_gone
{
	my ($pid) = @_;
	for (1 .. 1800)
	{
		return unless kill 0, $pid;
		select(undef, undef, undef, 0.1);
	}
	die "process $pid does not end";
}

for my $round (1 .. $rounds)
{
	$node->safe_psql('postgres', "DELETE FROM photo WHERE writer = 2 AND id % 10 = $round");
	my @writers = map { $node->background_psql('postgres', on_error_stop => 0) } 1 .. 2;
	for my $i (0 .. 1)
	{
		$writers[$i]->{stdin} .= "
			DO \$\$
			BEGIN
				FOR i IN 1 .. 100000 LOOP
					INSERT INTO photo (writer, h) SELECT $i, CASE WHEN random() < 0.1 THEN NULL
						ELSE repeat(md5((random() * 5000)::int::text), 8)::imagehash END FROM generate_series(1, 200);
					DELETE FROM photo WHERE writer = $i AND id % 7 = i % 7 AND id < (SELECT max(id) FROM photo) - 3000;
					COMMIT;
				END LOOP;
			END \$\$;\n";
	}
	$_->{run}->pump_nb for @writers;
	for (1 .. 5)
	{
		select(undef, undef, undef, 0.2 + rand(0.3));
		$_->{run}->pump_nb for @writers;
		$node->psql('postgres', 'VACUUM photo');
	}
	# A vacuum that is killed while it merges, or soon after.
	my $vacuum = $node->background_psql('postgres', on_error_stop => 0);
	$vacuum->{stdin} .= "VACUUM photo;\n" x 20;
	$vacuum->{run}->pump_nb;
	select(undef, undef, undef, 0.2 + rand(0.5));
	$vacuum->{run}->pump_nb;
	my @vacuums = split /\n/, $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE query ~ '^VACUUM' AND pid <> pg_backend_pid()");
	my @backends = split /\n/, $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE query ~ 'INSERT' AND pid <> pg_backend_pid()");
	is(scalar(@backends), 2, "round $round: two sessions are writing");
	if ($round % 2)
	{
		# A backend that is busy does not notice that its postmaster is gone.
		my $postmaster = $node->{_pid};
		$node->kill9;
		kill 'KILL', @backends, @vacuums;
		eval { $_->quit } for @writers, $vacuum;
		wait_until_gone($postmaster);
		# On a busy machine the checkpointer is still there for a while, and with it the shared memory.
		my $started = 0;
		for (1 .. 60)
		{
			last if $started = $node->start(fail_ok => 1);
			sleep 1;
		}
		die 'the server did not start' unless $started;
	}
	else
	{
		kill 'KILL', $round == 2 ? $backends[0] : $vacuums[0];
		eval { $_->quit } for @writers, $vacuum;
		$node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid IN ($backends[0], $backends[1])")
		  or die 'the server did not restart';
	}
	is(scalar(@vacuums), 1, "round $round: one was vacuuming");
	is($node->safe_psql('postgres', $differences), "\n0", "round $round: index and table agree after recovery");
	cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM photo'), '>', 0, "round $round: rows had been committed");
}

is($node->safe_psql('postgres', 'SELECT count(*) FROM draft'), '0', 'the unlogged table is empty');
$node->safe_psql('postgres', q(INSERT INTO draft VALUES ('c4ca4238a0b92382')));
is( $node->safe_psql('postgres', q(SET enable_seqscan = off; SELECT h <~> 'c4ca4238a0b92383' FROM draft ORDER BY h <~> 'c4ca4238a0b92383')),
	'1', 'and its index works');
$node->safe_psql('postgres', 'VACUUM photo');
is($node->safe_psql('postgres', $differences), "\n0", 'index and table agree after vacuum');
is($node->safe_psql('postgres', q(SELECT leaves > 100 FROM imagehash_index_stats('photo_h'))), 't', 'and it has leaves');
$node->stop;
done_testing();
