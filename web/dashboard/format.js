// Copyright (C) Ficus authors
//
// Numbers and times as people read them.  A dash stands for what is not known.

const SPACE = '\u00a0';         // where no line ends
export const DASH = '–';


export function percent(value, digits = 2) {
    return isNumber(value) ? `${value.toFixed(digits)}${SPACE}%` : DASH;
}


// A share from 0 to 1; small ones keep two digits that say something.

export function ratio(value) {
    if (!isNumber(value)) {
        return DASH;
    }

    const points = value * 100;

    return percent(points, points === 0 || points >= 10 ? 1 : 2);
}


export function count(value) {
    return isNumber(value) ? value.toLocaleString('en') : DASH;
}


export function rate(value) {
    if (!isNumber(value)) {
        return DASH;
    }

    return `${value >= 10 || value === 0 ? Math.round(value)
        : value.toFixed(1)}/s`;
}


export function seconds(value) {
    if (!isNumber(value)) {
        return DASH;
    }

    if (value >= 1) {
        return `${value.toFixed(value >= 10 ? 0 : 1)}${SPACE}s`;
    }

    const ms = value * 1000;

    return `${ms >= 10 || ms === 0 ? Math.round(ms) : ms.toFixed(1)}${SPACE}ms`;
}


// How long, in the two largest units.

export function duration(value) {
    if (!isNumber(value)) {
        return DASH;
    }

    const whole = Math.max(0, Math.round(value));

    if (whole < 60) {
        return `${whole} s`;
    }

    if (whole < 3600) {
        return pair(whole, 60, 'min', 's');
    }

    return whole < 86400 ? pair(whole / 60, 60, 'h', 'min')
        : pair(whole / 3600, 24, 'd', 'h');
}


function pair(value, base, large, small) {
    const rest = Math.floor(value % base);

    return `${Math.floor(value / base)} ${large}`
        + (rest ? ` ${rest} ${small}` : '');
}


export function clock(date) {
    return date.toLocaleTimeString('en-GB');
}


// What the clock of the reader goes by.

export function zone() {
    return new Intl.DateTimeFormat('en', { timeZoneName: 'short' })
        .formatToParts().find(({ type }) => type === 'timeZoneName').value;
}


// A time that the API has told, in the reader's zone; the same text when it
// is none.

export function when(text) {
    const date = new Date(text);

    if (Number.isNaN(date.getTime())) {
        return text ? String(text) : DASH;
    }

    const day = date.toLocaleDateString('en-CA');

    return day === new Date().toLocaleDateString('en-CA') ? clock(date)
        : `${day} ${clock(date)}`;
}


export function ago(text, now = Date.now()) {
    const time = Date.parse(text);

    return Number.isNaN(time) ? '' : `${duration((now - time) / 1000)} ago`;
}


// {"v1": 40, "v2": 60} as text.

export function weights(map) {
    return map ? Object.entries(map)
        .map(([name, weight]) => `${name} ${weight.toFixed(2)}`).join(', ')
        : DASH;
}


export function plural(n, one, many) {
    return `${count(n)} ${n === 1 ? one : many}`;
}


function isNumber(value) {
    return typeof value === 'number' && Number.isFinite(value);
}
