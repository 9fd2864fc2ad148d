// Copyright (C) Ficus authors
//
// Errors and times of the arms in the last minutes, as curves and as numbers.

import { chart } from '../chart.js';
import { el } from '../dom.js';
import { clock, ratio, seconds } from '../format.js';
import { model } from '../model.js';
import { MINUTE, SPAN } from '../series.js';
import { armClass, panel, swatch, table } from './parts.js';

const ROWS = 10;                // of the table, one for each half minute

const CHARTS = [
    { id: 'errors', title: 'Errors', format: ratio, least: 0.01,
        kinds: [['errors', 'errors', '']] },
    { id: 'times', title: 'Latency', format: seconds, least: 0.002,
        kinds: [['p99', 'p99', ''], ['p50', 'p50', 'dashed']] },
];


export function curves(split) {
    const series = model.series.get(split.name);

    if (!series) {
        return null;
    }

    const now = series.samples.at(-1).time;

    return el('div', { class: 'curves', 'data-key': 'curves' },
        CHARTS.map((what) => one(split, series, now, what)));
}


function one(split, series, now, { id, title, format, least, kinds }) {
    const lines = split.arms.flatMap(({ name }) =>
        kinds.map(([kind, text, dash]) => ({
            name, text,
            points: series.curve(name, (seen) => seen[kind]),
            className: `${armClass(split, name)} ${dash}`,
        })));

    return panel(id, title,
        el('ul', { class: 'legend' }, lines.map((line) =>
            legend(split, line, format))),
        chart({ lines, now, span: spanOf(series), least, format,
            label: spoken(title, lines, format), width: widthOf(id) }),
        el('details', {}, el('summary', {}, `${title} as numbers`),
            numbers(title, lines, now, format)));
}


// As long as the page is open, in whole minutes.

function spanOf({ samples }) {
    const open = samples.at(-1).time - samples[0].time;

    return Math.min(Math.max(Math.ceil(open / MINUTE), 1) * MINUTE, SPAN);
}


function widthOf(id) {
    const host = document.querySelector(`.panel.${id} .chart`);

    return Math.max(240, Math.floor(host?.parentNode.clientWidth ?? 480)
        - 2 * 16);
}


function legend(split, { name, text, points, className }, format) {
    return el('li', {},
        className.includes('dashed')
            ? el('span', { class: `dash ${armClass(split, name)}`,
                'aria-hidden': 'true' }) : swatch(split, name),
        `${name} ${text === 'errors' ? '' : text} `,
        el('b', {}, format(points.at(-1)?.[1])));
}


function spoken(title, lines, format) {
    return `${title} in the last 5 minutes, now: ${lines.map((line) =>
        `${line.name} ${line.text} ${format(line.points.at(-1)?.[1])}`)
        .join(', ')}`;
}


function numbers(title, lines, now, format) {
    const rows = [];

    for (let i = 0; i < ROWS; i++) {
        const time = now - i * SPAN / ROWS;

        if (time >= lines[0].points[0][0]) {
            rows.push({ key: i, cells: [clock(new Date(time)),
                ...lines.map(({ points }) => format(valueAt(points, time)))] });
        }
    }

    return table(`${title} each half minute, newest first`, ['Time',
        ...lines.map(({ name, text }) => ({ number: true,
            text: text === 'errors' ? name : `${name} ${text}` }))], rows);
}


function valueAt(points, time) {
    return points.findLast(([at]) => at <= time)?.[1];
}
