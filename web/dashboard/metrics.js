// Copyright (C) Ficus authors
//
// Times from the Prometheus text of the gateway, and what they say.

const LINE = /^ficus_split_seconds_(bucket|count)\{(.*)\} (\S+)/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;
const ESCAPES = { n: '\n' };


// The histograms: a map from split and arm, see key(), to
// { count, bounds: [seconds], buckets: [requests up to the bound] }.

export function parseSeconds(text) {
    const found = new Map();

    for (const line of text.split('\n')) {
        const match = LINE.exec(line);

        if (match) {
            add(found, match[1], labels(match[2]), Number(match[3]));
        }
    }

    return found;
}


export function key(split, arm) {
    return `${split}\n${arm}`;
}


function labels(text) {
    const all = {};

    for (const [, name, value] of text.matchAll(LABEL)) {
        all[name] = value.replace(/\\(.)/g, (_, c) => ESCAPES[c] ?? c);
    }

    return all;
}


function add(found, kind, { split, arm, le }, value) {
    const name = key(split, arm);
    let histogram = found.get(name);

    if (!histogram) {
        histogram = { count: 0, bounds: [], buckets: [] };
        found.set(name, histogram);
    }

    if (kind === 'count') {
        histogram.count = value;

    } else {
        histogram.bounds.push(le === '+Inf' ? Infinity : Number(le));
        histogram.buckets.push(value);
    }
}


// The quantile q of the times between two histograms of an arm, in seconds, as
// histogram_quantile() of Prometheus has it: evenly spread in a bucket, the
// highest bound for what is above it.  null without any request.

export function quantile(q, before, after) {
    const { bounds, buckets } = after;
    const grown = buckets.map((n, i) => n - (before?.buckets[i] ?? 0));
    const total = grown.at(-1);

    if (!(total > 0)) {
        return null;
    }

    const rank = q * total;
    const at = grown.findIndex((n) => n >= rank);
    const low = at > 0 ? bounds[at - 1] : 0;

    if (bounds[at] === Infinity) {
        return low;
    }

    const below = at > 0 ? grown[at - 1] : 0;

    return low + (bounds[at] - low) * (rank - below) / (grown[at] - below);
}
