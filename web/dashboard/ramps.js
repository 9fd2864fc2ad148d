// Copyright (C) Ficus authors
//
// Starting a ramp, and what can be done with one that is under way.

import { ask, choice, field } from './dialog.js';
import { el } from './dom.js';
import { duration } from './format.js';
import { current, selectedSplit } from './model.js';
import { comparison, reasonFields, toOptions } from './questions.js';
import { send } from './send.js';
import { WAYS_BACK } from './views/ramp.js';

const QUANTILES = [['0.5', 'p50'], ['0.9', 'p90'], ['0.95', 'p95'],
    ['0.99', 'p99'], ['0.999', 'p99.9']];
const DOWN = Object.entries(WAYS_BACK);


export async function startRamp() {
    const split = selectedSplit();
    const plan = el('p', { class: 'plan', role: 'status' });
    const fields = [...targets(split), ...pace(), plan,
        el('fieldset', {}, el('legend', {}, 'Guards, each may be left empty'),
            guardFields(split)),
        choice('Way back', 'down', DOWN, 'snap'),
        ...reasonFields()];

    for (const node of fields) {
        node.addEventListener('input', ({ target }) => {
            fillOther(split, fields, target);
            showPlan(split, fields, plan);
        });
    }

    showPlan(split, fields, plan);

    const answer = await ask({ title: 'Start a ramp', confirm: 'Start it',
        fields });

    if (answer) {
        await send(split, {
            method: 'POST', rest: '/ramp', body: toRamp(split, answer),
            options: toOptions(answer, split.generation),
            done: 'The ramp has begun',
        });
    }
}


// Where to: by default everything to the first arm that is not the baseline.

function targets(split) {
    const first = split.arms.find(({ name }) => name !== split.baseline);

    return split.arms.map(({ name }) => field(`${name} to`, {
        name: `to ${name}`, type: 'number', min: 0, max: 100, step: 0.01,
        required: true, value: name === first.name ? 100 : 0,
        autofocus: name === split.arms[0].name }));
}


// Of two arms the other one gets the rest.

function fillOther(split, fields, target) {
    const n = fields.findIndex((node) => node.contains(target));

    if (split.arms.length === 2 && n < 2) {
        fields[1 - n].querySelector('input').value =
            Math.round(10000 - Number(target.value) * 100) / 100;
    }
}


function pace() {
    return [
        field('Points a step', { name: 'step', type: 'number', min: 0.01,
            max: 100, step: 0.01, value: 10, required: true }),
        field('Seconds a step', { name: 'every', type: 'number', min: 0.1,
            max: 604800, step: 0.1, value: 60, required: true }),
    ];
}


function guardFields({ shadow }) {
    return [
        field('Errors above the baseline, points', { name: 'errors',
            type: 'number', min: 0, max: 100, step: 0.01, value: 1 }),
        field('Times as slow as the baseline', { name: 'latency',
            type: 'number', min: 1, max: 1000, step: 0.1, value: 1.5 }),
        choice('Measured at', 'quantile', QUANTILES, '0.99'),
        shadow && field('Answers that differ, per cent', {
            name: 'mismatches', type: 'number', min: 0, max: 100,
            step: 0.01 }, 'Counts what shadows compare; empty: no guard.'),
        field('Requests a step', { name: 'requests', type: 'number', min: 0,
            step: 1, value: 100 }),
    ];
}


function showPlan(split, fields, plan) {
    const value = (name) => Number(fields.map((node) =>
        node.querySelector?.(`[name="${name}"]`)).find(Boolean)?.value);
    const to = split.arms.map(({ name }) => value(`to ${name}`));
    const sum = Math.round(to.reduce((a, b) => a + b, 0) * 100) / 100;
    const farthest = Math.max(...split.arms.map(({ configured }, i) =>
        Math.abs(configured - to[i])));
    const steps = Math.max(1, Math.ceil(farthest / value('step') - 1e-9));

    plan.textContent = sum !== 100
        ? `The targets add up to ${sum.toFixed(2)} %, not 100 %.`
        : farthest === 0 ? 'The weights are there already.'
            : `${steps} steps, at least ${duration(steps * value('every'))}.`;
    plan.classList.toggle('bad', sum !== 100);

    const first = fields[0].querySelector('input');

    first.setCustomValidity(sum === 100 ? '' : 'the targets must add up to'
        + ' 100 %');
}


function toRamp(split, answer) {
    const guards = {};

    if (answer.errors !== '') {
        guards.max_error_ratio = Number(answer.errors) / 100;
    }

    if (answer.latency !== '') {
        guards.max_latency_ratio = Number(answer.latency);
        guards.quantile = Number(answer.quantile);
    }

    if (answer.mismatches) {
        guards.max_mismatch_ratio = Number(answer.mismatches) / 100;
    }

    if (answer.requests !== '') {
        guards.min_requests = Number(answer.requests);
    }

    return {
        to: Object.fromEntries(split.arms.map(({ name }) =>
            [name, Number(answer[`to ${name}`])])),
        step: Number(answer.step),
        every: Number(answer.every),
        guards,
        down: answer.down,
    };
}


export function pauseRamp() {
    return act('/ramp/pause', 'The ramp is paused');
}


export function resumeRamp() {
    return act('/ramp/resume', 'The ramp goes on');
}


// Of the split that the reader has seen: the page may show another by now.

function act(rest, done, options = {}, body = undefined,
    seen = selectedSplit())
{
    const split = current(seen);

    return send(split, { method: 'POST', rest, body, done,
        options: { generation: split.generation, ...options } });
}


export async function abortRamp() {
    const split = selectedSplit();
    const answer = await ask({
        title: 'Abort the ramp?',
        text: [el('p', {}, 'The weights go back to those before it.'),
            comparison(split, split.ramp.from)],
        fields: [choice('Way back', 'down', DOWN, split.ramp.down),
            ...reasonFields()],
        confirm: 'Abort it',
        danger: true,
    });

    if (answer) {
        const { reason, by } = toOptions(answer, 0);

        await act('/ramp/abort', answer.down === 'release'
            ? 'The ramp is going back' : 'The ramp is aborted',
        { reason, by }, { down: answer.down }, split);
    }
}
