# Reads the includes of src, and fails where an arrow between rooms runs up, or into the inside of a library. Needs no server.
use strict;
use warnings;

use File::Find;
use PostgreSQL::Test::Utils;
use Test::More;

# The house, from the bottom up: a file belongs to the longest name that it begins with, and may include what stands on lower
# floors of its own part, and on all floors of the parts named behind it. Rooms on one floor do not know each other.
my @parts = (
	{ name => 'base', floors => ['base'], knows => [] },
	{ name => 'hamming', floors => ['hamming'], knows => ['base'] },
	{
		name => 'vision',
		floors => [
			'vision/types.h', 'vision/guarded vision/quiet', 'vision/codec', 'vision/input vision/perceptual', 'vision/about',
			'vision/api'
		],
		knows => ['base']
	},
	{
		name => 'semantic',
		floors => [ 'semantic/types.h', 'semantic/hasher semantic/network', 'semantic/train', 'semantic/api' ],
		knows => ['base']
	},
	{
		name => 'module',
		floors => [
			'pg/server', 'pg/value', 'index/store', 'index/scan index/build index/planner index/inspect', 'index/maintain',
			'index/validate', 'index/handler', 'pg/catalog', 'pg/images', 'pg/training', 'pg/module.cpp'
		],
		knows => [ 'base', 'hamming' ]
	});
# What imagehash.so sees of the two libraries.
my %doors = map { $_ => 1 } 'vision/api.h', 'vision/types.h', 'semantic/api.h', 'semantic/types.h';
# What is not in src: which parts may include it. Headers in quotes that are not ours are PostgreSQL's or written by CMake.
my @foreign = (
	[ qr{^<(torch|ATen|c10|caffe2)/} => { semantic => 1 } ],
	[ qr{^<(opencv2/|webp/|jpeglib\.h|jerror\.h|png\.h)} => { vision => 1 } ],
	[ qr{^"} => { module => 1 } ]);

my (%part_of, %floor_of);
foreach my $part (@parts)
{
	my $floor = 0;
	foreach my $rooms (@{ $part->{floors} })
	{
		$part_of{$_} = $part, $floor_of{$_} = $floor foreach split / /, $rooms;
		$floor++;
	}
}

# room_of(FILE): undef for a file in no room.
sub room_of
{
	my ($file) = @_;
	my @rooms = grep { index($file, $_) == 0 && substr($file, length $_, 1) =~ /^[\/.]?$/ } keys %part_of;
	return (sort { length $b <=> length $a } @rooms)[0];
}

# fault_of(ROOM, TARGET, SOURCE DIRECTORY): what is wrong with including TARGET, '' if nothing; with its quotes or brackets.
sub fault_of
{
	my ($room, $target, $directory) = @_;
	my $part = $part_of{$room};
	my ($ours) = $target =~ /^"(.*)"$/;
	if (!defined $ours || !-e "$directory/$ours")
	{
		return $room eq 'pg/server' ? '' : 'pg/server/pg.h includes it' if $target eq '"postgres.h"' && $part->{name} eq 'module';
		my ($rule) = grep { $target =~ $_->[0] } @foreign;
		return !$rule || $rule->[1]->{ $part->{name} } ? '' : 'not for this part';
	}
	my $other = room_of($ours);
	return 'in no room' unless defined $other;
	return '' if $other eq $room;
	my $other_part = $part_of{$other};
	return $floor_of{$other} < $floor_of{$room} ? '' : 'not below it' if $other_part == $part;
	return '' if grep { $_ eq $other_part->{name} } @{ $part->{knows} };
	return $part->{name} eq 'module' && $doors{$ours} ? '' : 'the inside of another part';
}

# faults(SOURCE DIRECTORY): a line each.
sub faults
{
	my ($directory) = @_;
	my (@files, @faults);
	find({ no_chdir => 1, wanted => sub { push @files, $_ if /\.(cpp|h)$/ } }, $directory);
	foreach my $path (sort @files)
	{
		my $file = substr $path, length($directory) + 1;
		my $room = room_of($file);
		push @faults, "$file: in no room" unless defined $room;
		next unless defined $room;
		my $number = 0;
		foreach my $line (split /\n/, slurp_file($path))
		{
			$number++;
			next unless $line =~ /^\s*#\s*include\s*(\S+)/;
			my $fault = fault_of($room, $1, $directory);
			push @faults, "$file:$number: $1: $fault" if $fault;
		}
	}
	return @faults;
}

my $source = "$ENV{IMAGEHASH_SOURCE}/src";
my @found = faults($source);
is(join("\n", @found), '', 'no include runs up, or into the inside of a library');

# The test proves itself: one line is added to a copy, and found.
my $copy = PostgreSQL::Test::Utils::tempdir() . '/src';
system_or_bail('cp', '-r', $source, $copy);

sub finds
{
	my ($file, $include, $fault) = @_;
	my $text = slurp_file("$copy/$file");
	my $line = 1 + ($text =~ tr/\n//);
	append_to_file("$copy/$file", "#include $include\n");
	is(join("\n", faults($copy)), "$file:$line: $include: $fault", "$file must not include $include");
	unlink "$copy/$file" or die $!;
	append_to_file("$copy/$file", $text);
}

finds('index/store/page.cpp', '"index/scan/scan.h"', 'not below it');
finds('index/scan/scan.cpp', '"index/build/row_store.h"', 'not below it');
finds('index/store/page.h', '"pg/catalog/lookup.h"', 'not below it');
finds('vision/codec/decode.cpp', '"vision/api.h"', 'not below it');
finds('semantic/hasher/hasher.cpp', '"semantic/train/trainer.h"', 'not below it');
finds('pg/images/perceptual.cpp', '"vision/codec/decode.h"', 'the inside of another part');
finds('vision/codec/decode.cpp', '"semantic/types.h"', 'the inside of another part');
finds('hamming/kernels.cpp', '"pg/server/pg.h"', 'the inside of another part');
finds('semantic/train/trainer.cpp', '"postgres.h"', 'not for this part');
finds('index/scan/scan.cpp', '"postgres.h"', 'pg/server/pg.h includes it');
finds('pg/images/semantic.cpp', '<torch/script.h>', 'not for this part');
finds('semantic/network/network.cpp', '<opencv2/core.hpp>', 'not for this part');
rename "$copy/hamming/random.h", "$copy/random.h" or die $!;
like(join("\n", faults($copy)), qr/^random\.h: in no room/m, 'a file in no room is found');
done_testing();
