# kill -9 of the whole server, or of a backend that writes or vacuums, at random moments while rows are inserted, deleted, merged and vacuumed: after
# recovery the index gives what the table has. The table is large enough for its index to be merged part by part. An unlogged index starts empty.
# SEED=n repeats the moments; SECONDS_EACH=n goes on for so long.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = $ENV{SEED} // int(rand(1e6));
my $seconds = $ENV{SECONDS_EACH} // 0;
my $least_rounds = 4;
note "seed $seed";
srand($seed);

my $node = PostgreSQL::Test::Cluster->new('crash');
$node->init;
# Long hashes, of which a page holds 56: the pending list fills, and is merged, every 7,000 rows. Small buffers and frequent checkpoints: pages reach the disk in every state of a change.
$node->append_conf('postgresql.conf', "shared_buffers = 1MB\ncheckpoint_timeout = 30s\nmax_wal_size = 32MB\nfsync = on\nrestart_after_crash = on\nautovacuum = off\n");
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

# kill -9 of every process there is. One that waits for a lock of a killed one would wait for ever, a checkpointer say, and no
# server starts beside it. Until its parent has taken note, a killed process is not gone.
sub kill_server
{
	my @all = split /\n/, $node->safe_psql('postgres', 'SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()');
	my $postmaster = $node->{_pid};
	select(undef, undef, undef, rand(0.2));
	$node->kill9;
	kill 'KILL', @all;
	return ($postmaster, @all);
}

sub wait_until_gone
{
	my @pids = @_;
	for (1 .. 1800)
	{
		@pids = grep { kill 0, $_ } @pids;
		return unless @pids;
		select(undef, undef, undef, 0.1);
	}
	die "processes @pids do not end";
}

# A psql that is refused may be gone before it is told what to ask.
sub wait_until_restarted
{
	my $gone = 'SELECT count(*) = 0 FROM pg_stat_activity WHERE pid IN (' . join(',', @_) . ')';
	for (1 .. 1800)
	{
		my $answer = '';
		eval { $node->psql('postgres', $gone, stdout => \$answer) };
		return if $answer eq 't';
		select(undef, undef, undef, 0.1);
	}
	die 'the server did not restart';
}

my %kills = (server => 0, writer => 0, vacuum => 0);
my $end = time + $seconds;
for (my $round = 1; $round <= $least_rounds || time < $end; $round++)
{
	$node->safe_psql('postgres', "DELETE FROM photo WHERE writer = 2 AND id % 10 = $round % 10;
		INSERT INTO photo (writer, h) SELECT 2, repeat(md5((i % 5000)::text), 8)::imagehash FROM generate_series(1, 5200) i");
	my @sessions = map { $node->background_psql('postgres', on_error_stop => 0) } 0 .. 2;
	for my $i (0 .. 1)
	{
		$sessions[$i]->{stdin} .= "
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
	$sessions[2]->{stdin} .= "VACUUM photo \\watch 0.1\n";
	$_->{run}->pump_nb for @sessions;
	select(undef, undef, undef, 1 + rand(3));
	my (%pids, @backends);
	for (1 .. 600)
	{
		%pids = (writer => [], vacuum => []);
		for (split /\n/, $node->safe_psql('postgres', "SELECT pid, CASE WHEN query ~ 'INSERT' THEN 'writer' ELSE 'vacuum' END
				FROM pg_stat_activity WHERE query ~ '(INSERT|^VACUUM photo)' AND backend_type = 'client backend' AND pid <> pg_backend_pid()"))
		{
			my ($pid, $what) = split /\|/;
			push @{ $pids{$what} }, $pid;
		}
		@backends = map { @$_ } values %pids;
		last if @backends == 3;
		select(undef, undef, undef, 0.1);
	}
	is(scalar(@backends), 3, "round $round: two sessions are writing, one vacuums");
	my $victim = $round % 2 ? 'server' : ('writer', 'vacuum')[ $round / 2 % 2 ];
	$kills{$victim}++;
	if ($victim eq 'server')
	{
		my @killed = kill_server();
		eval { $_->quit } for @sessions;
		wait_until_gone(@killed);
		$node->start;
	}
	else
	{
		select(undef, undef, undef, rand(0.2));
		kill 'KILL', $pids{$victim}[0];
		eval { $_->quit } for @sessions;
		wait_until_restarted(@backends);
	}
	is($node->safe_psql('postgres', $differences), "\n0", "round $round, $victim killed: index and table agree after recovery")
	  or diag("seed $seed");
	cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM photo'), '>', 0, "round $round: rows had been committed");
}
note 'measured: killed: ' . join(', ', map { "$kills{$_} times a $_" } sort keys %kills);

is($node->safe_psql('postgres', 'SELECT count(*) FROM draft'), '0', 'the unlogged table is empty');
$node->safe_psql('postgres', q(INSERT INTO draft VALUES ('c4ca4238a0b92382')));
is( $node->safe_psql('postgres', q(SET enable_seqscan = off; SELECT h <~> 'c4ca4238a0b92383' FROM draft ORDER BY h <~> 'c4ca4238a0b92383')),
	'1', 'and its index works');
$node->safe_psql('postgres', 'VACUUM photo');
is($node->safe_psql('postgres', $differences), "\n0", 'index and table agree after vacuum');
is($node->safe_psql('postgres', q(SELECT leaves > 100 FROM imagehash_index_stats('photo_h'))), 't', 'and it has leaves');
$node->stop;
done_testing();
