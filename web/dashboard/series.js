// Copyright (C) Ficus authors
//
// What was counted in the last minutes, kept in the page: a sample for each
// poll, and rates, ratios and times between two of them.

import { key, quantile } from './metrics.js';

export const SPAN = 300000;     // ms that are kept
export const WINDOW = 10000;    // ms that a point of a curve looks back at
export const MINUTE = 60000;

const FEW_SECONDS = 3000;


// The samples of one split, oldest first.  A sample is
// { time, generation, arms }, where arms is a Map from the name to
// { requests, failures, rescued, seconds }.

export class Series {
    samples = [];

    add(time, split, seconds) {
        const sample = { time, generation: split.generation,
            arms: new Map() };

        for (const arm of split.arms) {
            const { requests, failures, rescued } = arm;
            const histogram = seconds?.get(key(split.name, arm.name)) ?? null;

            sample.arms.set(arm.name,
                { requests, failures, rescued, seconds: histogram });
        }

        // nor can be told what a clock that was set back has seen
        if (this.wasReset(sample) || time < this.samples.at(-1)?.time) {
            this.samples = [];
        }

        this.samples.push(sample);

        while (this.samples[0].time < time - SPAN - WINDOW) {
            this.samples.shift();
        }
    }

    // The gateway was started again: its counters begin anew.
    wasReset(sample) {
        const last = this.samples.at(-1);

        return last && [...sample.arms].some(([name, counts]) =>
            counts.requests < (last.arms.get(name)?.requests ?? 0)
            || (counts.seconds?.count ?? 0)
                < (last.arms.get(name)?.seconds?.count ?? 0));
    }

    // What happened to an arm in the last `window' ms before sample number i.
    between(name, i, window) {
        const last = this.samples[i];
        const first = this.samples[this.at(last.time - window, i)];
        const a = first?.arms.get(name);
        const b = last.arms.get(name);

        if (!a || !b || first === last) {
            return null;
        }

        return summary(a, b, (last.time - first.time) / 1000);
    }

    // The same for all arms up to now, with the share of each.
    seen(names, window = MINUTE) {
        const last = this.samples.length - 1;
        const arms = new Map();
        let total = 0;

        for (const name of names) {
            const seen = last < 1 ? null : this.between(name, last, window);
            arms.set(name, seen);
            total += seen?.requests ?? 0;
        }

        for (const seen of arms.values()) {
            if (seen) {
                seen.share = total ? 100 * seen.requests / total : null;
            }
        }

        return arms;
    }

    // How long the weights are what they are, in ms, a minute at most; a minute
    // too when that is not long enough to tell anything.
    sinceChange() {
        const last = this.samples.at(-1);
        const first = this.samples.find(({ generation }) =>
            generation === last.generation);
        const time = last.time - first.time;

        return time >= FEW_SECONDS && first !== this.samples[0]
            ? Math.min(time, MINUTE) : MINUTE;
    }

    // The points of a curve: [time, value or null].
    curve(name, value) {
        return this.samples.map(({ time }, i) => {
            const seen = this.between(name, i, WINDOW);

            return [time, seen ? value(seen) : null];
        });
    }

    // The number of the last sample before i that is not after `time'; the
    // first one if all are.
    at(time, i) {
        let n = i;

        while (n > 0 && this.samples[n].time > time) {
            n--;
        }

        return n;
    }
}


function summary(a, b, seconds) {
    const failures = b.failures - a.failures;
    const rescued = b.rescued - a.rescued;
    const answers = a.seconds && b.seconds
        ? b.seconds.count - a.seconds.count : b.requests - a.requests;
    const tries = Math.max(answers + rescued, failures);

    return {
        requests: b.requests - a.requests,
        rate: (b.requests - a.requests) / seconds,
        failures,
        rescued,
        tries,
        errors: tries > 0 ? failures / tries : null,
        p50: b.seconds && quantile(0.5, a.seconds, b.seconds),
        p99: b.seconds && quantile(0.99, a.seconds, b.seconds),
    };
}
