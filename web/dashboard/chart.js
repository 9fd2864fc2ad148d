// Copyright (C) Ficus authors
//
// Curves over time, drawn as SVG in the pixels they have on the screen.

import { el } from './dom.js';
import { duration } from './format.js';

const HEIGHT = 168;
const MARGIN = { top: 10, right: 12, bottom: 22, left: 52 };
const STEPS = [1, 2, 2.5, 5, 10];


// A chart of `lines', { points: [[ms, value or null]], className }, from
// `span' ms ago until `now', from 0 to at least `least'.  `format' writes a
// value, `label' says in a sentence what is to be seen.

export function chart({ lines, now, span, least, format, label, width }) {
    const top = niceTop(lines, least);
    const area = {
        width: width - MARGIN.left - MARGIN.right,
        height: HEIGHT - MARGIN.top - MARGIN.bottom,
    };
    const x = (time) => MARGIN.left + area.width * (1 - (now - time) / span);
    const y = (value) => MARGIN.top + area.height * (1 - value / top);

    return el('svg', { class: 'chart', role: 'img', 'aria-label': label,
        width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}` },
        [0, 0.5, 1].map((part) => level(part * top, y, width, format)),
        times(now, span, x),
        lines.map(({ points, className }) => el('path', {
            class: `line ${className}`, d: path(points, x, y, now - span) })),
        lines.map(({ points, className }) => end(points, className, x, y)));
}


// The first round number that no value is above.

function niceTop(lines, least) {
    const values = lines.flatMap(({ points }) =>
        points.map(([, value]) => value ?? 0));
    const most = Math.max(least, ...values);
    const unit = 10 ** Math.floor(Math.log10(most));

    return unit * STEPS.find((step) => unit * step >= most * 0.999);
}


function level(value, y, width, format) {
    return el('g', { class: 'axis' },
        el('line', { x1: MARGIN.left, x2: width - MARGIN.right,
            y1: y(value), y2: y(value) }),
        el('text', { x: MARGIN.left - 8, y: y(value) + 4,
            'text-anchor': 'end' }, format(value)));
}


// The beginning, the middle and the end of the time that is shown.

function times(now, span, x) {
    const marks = [[span, 'start'], [span / 2, 'middle'], [0, 'end']];

    return el('g', {}, marks.map(([ago, anchor]) => el('text', {
        class: 'axis', x: x(now - ago), y: HEIGHT - 5, 'text-anchor': anchor },
    ago === 0 ? 'now' : `−${duration(ago / 1000)}`)));
}


// A gap where there is no value.

function path(points, x, y, from) {
    let text = '';
    let pen = 'M';

    for (const [time, value] of points) {
        if (value === null) {
            pen = 'M';

        } else if (time >= from) {
            text += `${pen}${x(time).toFixed(1)} ${y(value).toFixed(1)}`;
            pen = 'L';
        }
    }

    return text;
}


function end(points, className, x, y) {
    const last = points.at(-1);

    return last && last[1] !== null && el('circle', {
        class: `end ${className}`, cx: x(last[0]), cy: y(last[1]), r: 3.5 });
}
