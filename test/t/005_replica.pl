# A streaming standby replays the index: the same answers in the same order, through inserts, deletes, vacuum and
# rebuilds, while it is being read.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
# Replay compares every page it writes with the one that the primary wrote.
$primary->append_conf('postgresql.conf', "wal_consistency_checking = 'generic'\n");
$primary->start;
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->append_conf('postgresql.conf', "hot_standby_feedback = on\n");
$standby->start;

my $nearest = q(
	SET enable_seqscan = off;
	SET enable_sort = off;
	SELECT string_agg(d::text, ' ') FROM (SELECT h <~> 'c4ca4238a0b92382' AS d FROM photo ORDER BY h <~> 'c4ca4238a0b92382' LIMIT 500) s
	UNION ALL SELECT count(*)::text FROM photo WHERE hamming_within(h, 'c4ca4238a0b92382', 28)
	UNION ALL SELECT count(*)::text FROM photo WHERE h IS NULL;
);

sub same_answers
{
	my ($what) = @_;
	$primary->wait_for_catchup($standby);
	is($standby->safe_psql('postgres', $nearest), $primary->safe_psql('postgres', $nearest), $what);
}

$primary->safe_psql(
	'postgres', q(
	CREATE EXTENSION imagehash;
	CREATE TABLE photo (id serial, h imagehash);
	INSERT INTO photo (h) SELECT substr(md5(i::text), 1, 16)::imagehash FROM generate_series(1, 5000) i;
	CREATE INDEX photo_h ON photo USING hamming (h);
));
same_answers('built');
for my $cycle (1 .. 3)
{
	$primary->safe_psql('postgres', "INSERT INTO photo (h) SELECT CASE WHEN i % 10 = 0 THEN NULL ELSE
		substr(md5((i * $cycle)::text), 1, 16)::imagehash END FROM generate_series(1, 3000) i");
	same_answers("cycle $cycle: inserted");
	$primary->safe_psql('postgres', "DELETE FROM photo WHERE id % 3 = $cycle % 3");
	same_answers("cycle $cycle: deleted");
	$primary->safe_psql('postgres', 'VACUUM photo');
	same_answers("cycle $cycle: vacuumed");
}
$primary->safe_psql('postgres', 'REINDEX INDEX photo_h');
same_answers('rebuilt');
$primary->safe_psql('postgres', 'DELETE FROM photo; VACUUM photo;');
same_answers('emptied');

# A standby that becomes the primary can write.
$standby->promote;
$standby->safe_psql('postgres', q(INSERT INTO photo (h) VALUES ('c4ca4238a0b92382')));
is( $standby->safe_psql('postgres', q(SET enable_seqscan = off; SELECT h <~> 'c4ca4238a0b92382' FROM photo ORDER BY h <~> 'c4ca4238a0b92382')),
	'0', 'promoted and written to');

$standby->stop;
$primary->stop;
done_testing();
