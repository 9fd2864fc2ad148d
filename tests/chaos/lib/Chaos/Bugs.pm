package Chaos::Bugs;

# Copyright (C) Ficus authors
#
# Services with a bug on purpose, built from a copy of the sources, so that
# nothing of it is in the sources themselves.
#
#     Chaos::Bugs::names()
#     my $bug = Chaos::Bugs::bug($name);      what, faults, finds
#     Chaos::Bugs::unfit($name, $root);       edits that do not fit, as texts
#     Chaos::Bugs::build($name, $root, $build, $dir);     returns DIR/build
#
# An edit is a file, a text that is in it once, and what takes its place.
# finds: kinds of Chaos::Check, one of which must be found.

use strict;
use warnings;

my $back = [ [ 'shared/fig_store_sqlite_op.c',
        '"UPDATE " OP_SET OP_KEYS " WHERE ver < ?2"',
        '"UPDATE " OP_SET OP_KEYS' ],
    [ 'shared/fig_store_sqlite_op.c',
        '" WHERE id = ?1 AND ver < ?2" OP_KEPT',
        '" WHERE id = ?1" OP_KEPT' ],
    [ 'workers/orders/follow.c', ' || change->doc.ref >= user->ver', '' ],
    [ 'workers/orders/follow.c', 'query.ref_below = user->ver;', '' ] ];

my $idle = <<'EOT';
            fig_str_t  sent;
            uint64_t   sent_ver;

            sent = fig_str_from(row->key);
            sent_ver = row->ver;
            fig_rows_move(outbox->rows, row, FIG_ROW_IDLE, fig_clock_us());
            fig_outbox_settle(outbox, sent, sent_ver);
EOT

my %bugs = (
    'ack-before-commit' => {
        what => 'a write is answered a moment before it is committed',
        faults => 'kill,several',
        finds => [ qw(lost stale went-back two-contents) ],
        edits => [ [ 'shared/fig_store_sqlite_write.c',
            '    rc = fig_sqlite_run(w->ops.commit);', <<'EOT' ] ],
    fig_sqlite_queue_finish(store, batch, FIG_OK);
    (void) clock_nanosleep(CLOCK_MONOTONIC, 0,
                           &(struct timespec) { 0, 3000000 }, NULL);
    rc = fig_sqlite_run(w->ops.commit);
EOT
    },

    'update-without-version' => {
        what => 'a change is written whatever version is there',
        faults => 'kill,several',
        finds => [ qw(two-contents lost-update) ],
        edits => [
            [ 'shared/fig_store_sqlite_op.c',
                'OP_KEYS " WHERE id = ?1 AND ver = ?13"',
                'OP_KEYS " WHERE id = ?1 AND ?13 = ?13"' ],
            [ 'shared/fig_store_sqlite_op.c',
                '" WHERE id = ?1 AND ver = ?13" OP_KEPT',
                '" WHERE id = ?1 AND ?13 = ?13" OP_KEPT' ] ],
    },

    'apply-without-version' => {
        what => 'an event is applied whatever version the replica has',
        faults => 'store-older,kill-orders',
        finds => [ qw(order-back step) ],
        edits => $back,
    },

    'dedupe-window' => {
        what => 'an event is applied unless it was among the last 64',
        faults => 'store-older,kill-orders',
        finds => [ qw(order-back step) ],
        edits => [ @$back,
            [ 'shared/fig_consumer_batch.c', '#include "fig_log.h"',
                "#include \"fig_log.h\"\n#include \"fig_hash.h\"" ],
            [ 'shared/fig_consumer_batch.c', <<'EOT', <<'EOT2' ] ],
    fig_batch_ops(consumer, batch);

    rc = fig_batch_write
EOT
    static uint64_t  window[64];
    static size_t    at;
    uint64_t         hash;
    size_t           k;

    for (i = 0, n = 0; i < batch->n; i++) {
        event = &batch->events[i];
        hash = fig_hash64(event->key, event->ver);

        for (k = 0; k < 64 && window[k] != hash; k++) {
            /* void */
        }

        if (k == 64) {
            window[at++ % 64] = hash;
            batch->seqs[n] = batch->seqs[i];
            batch->events[n++] = *event;
        }
    }

    batch->n = n;
    fig_batch_ops(consumer, batch);

    rc = fig_batch_write
EOT2
    },

    'published-before-ack' => {
        what => 'an event counts as published as soon as it was sent',
        faults => 'net-hole,net-cut',
        finds => [ 'step' ],
        edits => [ [ 'shared/fig_outbox_relay.c', <<'EOT', <<"EOT2" ] ],
        } else if (rc != FIG_OK) {
            fig_rows_move(outbox->rows, row, FIG_ROW_QUEUED, fig_clock_us());
        }
EOT
        } else if (rc != FIG_OK) {
            fig_rows_move(outbox->rows, row, FIG_ROW_QUEUED, fig_clock_us());

        } else {
$idle        }
EOT2
    },

    'relay-skips' => {
        what => 'what was sent before a reconnect counts as published',
        faults => 'net-hole,net-cut',
        finds => [ 'step' ],
        edits => [ [ 'shared/fig_outbox_keeper.c', <<'EOT', $idle ] ],
        fig_rows_move(outbox->rows, row, FIG_ROW_QUEUED, fig_clock_us());
        fig_counter_add(outbox->repeated, 1);
EOT
    },

    'tombstone-purged' => {
        what => 'a tombstone is removed as soon as it was published',
        faults => 'kill,several',
        finds => [ qw(stale went-back two-contents not-raised lost) ],
        edits => [ [ 'shared/fig_store_sqlite_op.c',
            '    return op_run(store, op, kind);', <<'EOT' ] ],
    rc = op_run(store, op, kind);

    if (rc == SQLITE_OK && kind == FIG_SQLITE_SETTLE) {
        (void) sqlite3_exec(store->writer.ops.db, "DELETE FROM users "
                            "WHERE deleted AND NOT pending", NULL, NULL, NULL);
    }

    return rc;
EOT
    },

    'key-forgotten' => {
        what => 'a creation does not remember its Idempotency-Key',
        faults => 'kill,several',
        finds => [ qw(made-twice answer) ],
        edits => [ [ 'shared/fig_resource_once.c',
            '    if (key.data == NULL) {',
            '    if (key.len != 0 || key.data == NULL) {' ] ],
    },

    'no-repair' => {
        what => 'a stream that is another one is read, but nothing else',
        faults => 'stream-deleted,store-removed,stop-orders,net-freeze',
        finds => [ 'step' ],
        edits => [ [ 'shared/fig_consumer_cursor.c',
            '    fig_sync_want(consumer, "stream is another one");', '' ] ],
    },
);


sub names { return sort keys %bugs }

sub bug { return $bugs{$_[0]} }


sub unfit {
    my ($name, $root) = @_;

    my @unfit;

    for my $edit (@{$bugs{$name}{edits}}) {
        my ($file, $old) = _text(@$edit);
        my $times = () = _read("$root/$file") =~ /\Q$old\E/g;

        push @unfit, "$file has this $times times, not once:\n$old\n"
            if $times != 1;
    }

    return @unfit;
}


sub build {
    my ($name, $root, $build, $dir) = @_;

    my @parts = qw(Makefile VERSION configure auto common conf shared workers
        tools tests);

    mkdir "$dir/build";
    system('cp', '-a', (map { "$root/$_" } @parts), $dir) == 0
        && system('cp', '-a', (map { "$root/build/$_" }
            qw(config.h config.mk config.stamp)), "$build/ficus-run",
            "$dir/build") == 0
        or die "$name: cannot be copied\n";

    # objects of the same sources, which need not be made again
    system('cp', '-a', "$build/obj", "$dir/build") if -d "$build/obj";

    die "$name: ", unfit($name, $root) if unfit($name, $root);
    _edit($dir, _text(@$_)) for @{$bugs{$name}{edits}};

    my $make = $ENV{MAKE} // 'make';

    system("cd '$dir' && $make -j2 WERROR= build/users-v1 build/users-v2 "
        . 'build/orders > make.log 2>&1') == 0
        or die "$name: make failed:\n" . _read("$dir/make.log");

    return "$dir/build";
}


# A here-document has a newline at its end, which the line may not.

sub _text {
    my ($file, $old, $new) = @_;

    $old =~ s/\n\z// if $old !~ /[;}]\n\z/;
    $new =~ s/\n\z// if $old !~ /\n\z/;

    return ($file, $old, $new);
}


sub _edit {
    my ($dir, $file, $old, $new) = @_;

    my $text = _read("$dir/$file");

    $text =~ s/\Q$old\E/$new/;

    open my $fh, '>', "$dir/$file" or die "$file: $!\n";
    print $fh $text;
    close $fh or die "$file: $!\n";
}


sub _read {
    my ($path) = @_;

    open my $fh, '<', $path or die "$path: $!\n";
    local $/;

    return <$fh>;
}


1;
