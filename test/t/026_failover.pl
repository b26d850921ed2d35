# Under a load of inserts, deletes, merges and vacuum: a standby is promoted while a standby of its own follows, the old primary, which went on
# writing, is rewound to follow too, and backups are restored to moments in the middle of it all. On each server the index gives what its table has.
# The pages have checksums. SECONDS_EACH=n loads for longer; SEED=n repeats the moments.
use strict;
use warnings;

use IPC::Run;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use IndexAgainstTable;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = $ENV{SEED} // int(rand(1e6));
my $seconds = $ENV{SECONDS_EACH} // 2;
note "seed $seed";
srand($seed);

my $old = PostgreSQL::Test::Cluster->new('old');
$old->init(allows_streaming => 1, has_archiving => 1, extra => ['--data-checksums']);
$old->append_conf('postgresql.conf', "autovacuum = off\njit = off\nwal_keep_size = 512MB\nwal_log_hints = on\nmax_wal_size = 512MB\nhot_standby_feedback = on\n");
$old->start;
my $query = q(repeat('c4ca4238a0b92382', 16)::imagehash);
$old->safe_psql(
	'postgres', qq(
	CREATE EXTENSION imagehash;
	CREATE TABLE photo (id bigserial PRIMARY KEY, h imagehash);
	CREATE FUNCTION picture(r int) RETURNS imagehash LANGUAGE sql AS
		\$\$ SELECT overlay(repeat(md5((r % 300)::text), 8) PLACING md5(r::text) FROM 1 + 8 * (r % 27))::imagehash \$\$;
	INSERT INTO photo (h) SELECT CASE WHEN i % 20 > 0 THEN picture(i) END FROM generate_series(1, 8000) i;
	CREATE INDEX photo_h ON photo USING hamming (h) WITH (pending_list_limit = 64);
	$by_order));
$old->backup('base');
my $new = PostgreSQL::Test::Cluster->new('new');
$new->init_from_backup($old, 'base', has_streaming => 1);
$new->start;
my $cascaded = PostgreSQL::Test::Cluster->new('cascaded');
$cascaded->init_from_backup($old, 'base');
$cascaded->enable_streaming($new);
$cascaded->start;

sub is_whole
{
	my ($node, $what) = @_;
	is(fault($node), '', "$what: index and table agree") or diag("seed $seed");
}

my $script = $old->basedir . '/load.sql';
append_to_file($script, q(
\set r random(1, 100000000)
INSERT INTO photo (h) SELECT CASE WHEN i % 20 > 0 THEN picture(:r + i) END FROM generate_series(1, 60) i;
DELETE FROM photo WHERE id IN (SELECT id FROM photo WHERE id < (SELECT last_value FROM photo_id_seq) - 9000 ORDER BY id LIMIT 300);
\if :client_id = 0
VACUUM photo;
\endif
));
sub load
{
	my ($node, $for) = @_;
	return IPC::Run::start([ 'pgbench', '--no-vacuum', '--client=3', "--time=$for", "--file=$script", '-h', $node->host, '-p', $node->port, 'postgres' ],
		'>', \my $out, '2>', \my $err);
}

# Moments of the load, as places in the WAL; the first is not before the backup was complete.
my $load = load($old, $seconds + 2);
my @moments;
for (1 .. 3)
{
	select(undef, undef, undef, $seconds / 4 + rand($seconds / 8));
	push @moments, $old->safe_psql('postgres', 'SELECT pg_current_wal_insert_lsn()');
}
# The old primary does not know, and goes on.
$new->promote;
$load->finish;
is_whole($old, 'the old primary');
is($old->safe_psql('postgres', 'SELECT pg_is_in_recovery()'), 'f', '... which was one to the end');
$old->safe_psql('postgres', 'SELECT pg_switch_wal()');
$old->poll_query_until('postgres', 'SELECT archived_count > 0 AND last_archived_wal >= pg_walfile_name(' . "'$moments[-1]'" . ') FROM pg_stat_archiver')
  or die 'the archive does not come';
is_whole($new, 'promoted');
$load = load($new, $seconds);
$old->stop;
$load->finish;
is_whole($new, 'promoted, and loaded');
$new->wait_for_catchup($cascaded);
is_whole($cascaded, 'a cascaded standby, past the promotion');
my $answer = 'SELECT count(*), sum(id), (SELECT string_agg(d::text, $$ $$) FROM (SELECT h <~> ' . $query . ' AS d FROM photo ORDER BY 1 LIMIT 200) s) FROM photo';
is($cascaded->safe_psql('postgres', $answer), $new->safe_psql('postgres', $answer), '... with the rows of the promoted');

# Both have written since they parted.
$new->safe_psql('postgres', 'CHECKPOINT');
my $conf = slurp_file($old->data_dir . '/postgresql.conf');
my ($said, $log) = run_command([ 'pg_rewind', '--target-pgdata=' . $old->data_dir, '--source-server=' . $new->connstr('postgres'), '--no-sync' ]);
like("$said$log", qr/servers diverged at WAL location.*Done!/s, 'the old primary is rewound');
# It brought the settings of the new one, the port too.
unlink $old->data_dir . '/postgresql.conf';
append_to_file($old->data_dir . '/postgresql.conf', $conf);
$old->enable_streaming($new);
$old->start;
$load = load($new, $seconds);
$load->finish;
$new->wait_for_catchup($old);
is_whole($old, 'rewound, and a standby');
is($old->safe_psql('postgres', $answer), $new->safe_psql('postgres', $answer), '... with the rows of the new primary');

# Two moments can be one place in the WAL, when nothing was written between them.
foreach my $number (0 .. $#moments)
{
	my $moment = $moments[$number];
	my $restored = PostgreSQL::Test::Cluster->new("restored_$number");
	$restored->init_from_backup($old, 'base', has_restoring => 1, standby => 0);
	$restored->append_conf('postgresql.conf', "recovery_target_lsn = '$moment'\nrecovery_target_action = promote\nrecovery_target_timeline = 1\narchive_mode = off\n");
	$restored->start;
	$restored->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die 'it does not get there';
	is_whole($restored, "restored to $moment");
	$restored->safe_psql('postgres', 'INSERT INTO photo (h) SELECT picture(i) FROM generate_series(1, 1500) i; DELETE FROM photo WHERE id % 5 = 0; VACUUM photo');
	is_whole($restored, '... and written to');
	$restored->stop;
}
foreach my $node ($old, $cascaded, $new)
{
	$node->stop;
	command_ok([ 'pg_checksums', '--check', '-D', $node->data_dir ], 'checksums: ' . $node->name);
}
done_testing();
