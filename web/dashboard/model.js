// Copyright (C) Ficus authors
//
// What the page knows, and what follows from it.  The views only read it.

import * as format from './format.js';
import { Series, WINDOW } from './series.js';

export const model = {
    splits: null,               // as the API has them; null: not asked yet
    selected: null,             // name of the split that is shown
    filter: '',                 // of the list of splits
    live: { ok: false, since: null, error: null },
    series: new Map(),          // by split
    ready: null,                // of the gateway: { status, checks }
    details: {},                // of the split `name', see details.js
    workers: null,              // see workers.js
    draft: null,                // weights of the split `name' not sent yet
    explained: null,            // where a key goes, or why that is not known;
                                // of the split `name'
    changes: 0,                 // that this page has made
    notice: null,               // what is to be read: { level, text }
};

const WARN_ERRORS = 0.01;
const BAD_ERRORS = 0.05;
const FEW = 20;                 // tries that say nothing of a ratio


export function selectedSplit() {
    return model.splits?.find(({ name }) => name === model.selected)
        ?? model.splits?.[0] ?? null;
}


// A split as it is by now; as it was seen, when it is no more.

export function current(split) {
    return model.splits.find(({ name }) => name === split.name) ?? split;
}


// The draft of a split, null if there is none: one of another split, or of arms
// that are no more, is none.

export function draftOf({ name, arms }) {
    const draft = model.draft?.name === name ? model.draft : null;
    const names = Object.keys(draft?.weights ?? {});

    return names.length === arms.length
        && arms.every((arm) => names.includes(arm.name)) ? draft : null;
}


export function detailsOf({ name }) {
    return model.details.name === name ? model.details : {};
}


// Takes over the states of all splits and the histograms of the same moment.

export function takeSplits(splits, seconds, time) {
    const names = new Set(splits.map(({ name }) => name));

    for (const name of model.series.keys()) {
        if (!names.has(name)) {
            model.series.delete(name);
        }
    }

    for (const split of splits) {
        if (!model.series.has(split.name)) {
            model.series.set(split.name, new Series());
        }

        model.series.get(split.name).add(time, split, seconds);
    }

    model.splits = splits;
    model.live = { ok: true, since: null, error: null, at: new Date() };
}


// One split as a change has left it, without waiting for the next poll.

export function takeSplit(split) {
    model.changes++;
    model.splits = model.splits.map((old) =>
        old.name === split.name ? split : old);
}


export function wentStale(error) {
    if (model.live.ok || model.live.since === null) {
        model.live = { ok: false, since: model.live.at ?? new Date(),
            at: model.live.at, error: error.text ?? String(error) };
    }
}


export function weightsOf(split, kind = 'configured') {
    return Object.fromEntries(split.arms.map((arm) => [arm.name, arm[kind]]));
}


// What each arm did in the last minute, or in another window.

export function seenOf(split, window) {
    const names = split.arms.map(({ name }) => name);

    return model.series.get(split.name)?.seen(names, window)
        ?? new Map(names.map((name) => [name, null]));
}


// With the weights that hold now.

export function seenSinceChange(split) {
    const window = model.series.get(split.name)?.sinceChange();

    return { window, seen: seenOf(split, window) };
}


// Whether a split is well: { level, text }; the worst that is true of it.
// Nothing is well that nobody can see.

export function health(split) {
    const state = judge(split);

    return model.live.ok || state.level !== 'ok' ? state
        : { level: 'idle', text: `Was well at ${format.clock(model.live.at)}` };
}


function judge(split) {
    const seen = seenOf(split);

    // what has just begun is little of a minute
    return brokenArm(split) ?? failingArm(seen, BAD_ERRORS, 'bad')
        ?? failingArm(seenOf(split, WINDOW), BAD_ERRORS, 'bad')
        ?? weakArm(split) ?? failingArm(seen, WARN_ERRORS, 'warn')
        ?? rolledBack(split) ?? quiet(seen)
        ?? { level: 'ok', text: 'All arms answer well' };
}


function brokenArm(split) {
    const arm = split.arms.find(({ state }) => state === 'open');

    if (!arm) {
        return null;
    }

    const why = arm.state_reason ? `: ${arm.state_reason}` : '';

    return { level: 'bad', text: `${arm.name} is switched off${why}` };
}


// Half open and without a weight it gets nothing to be tried with.

function weakArm(split) {
    const arm = split.arms.find(({ state, configured }) => state !== 'closed'
        && (state !== 'half-open' || configured > 0));

    return arm ? { level: 'warn',
        text: arm.state === 'recovering'
            ? `${arm.name} is getting its share back`
            : `${arm.name} is being tried again` } : null;
}


function failingArm(seen, limit, level) {
    for (const [name, counts] of seen) {
        if (counts && counts.tries >= FEW && counts.errors > limit) {
            return { level, text: `${name} fails `
                + `${format.ratio(counts.errors)} of its requests` };
        }
    }

    return null;
}


// News until somebody has changed something.

function rolledBack(split) {
    return split.ramp?.state === 'rolled-back' && split.changed_by === 'ramp'
        ? { level: 'warn', text: 'The ramp was rolled back' } : null;
}


function quiet(seen) {
    const all = [...seen.values()];

    if (all.every((counts) => !counts)) {
        return { level: 'idle', text: 'Counting requests' };
    }

    return all.some((counts) => counts?.requests > 0) ? null
        : { level: 'idle', text: 'No request in the last minute' };
}
