// Copyright (C) Ficus authors
//
// Calls of the admin API.  Addresses are relative to the page, so that it may
// be served below a prefix.

const API = 'api/v1/';
const LIMIT = 5000;             // ms; a change waits for the disk
const LATER = 60000;            // ms until what is not there is asked again

// The mode of fetch() stays the default, `cors': with another one and the
// page's policy of no referrer the Fetch standard has an Origin of `null',
// which the API refuses.
const OPTIONS = { credentials: 'omit', cache: 'no-store', redirect: 'error' };

// Never leaves this variable: a reload of the page forgets it.
let token = '';

const absent = new Map();       // path -> when to ask again


export class ApiError extends Error {
    constructor(status, problem) {
        super(problem?.detail ?? (status ? `status ${status}`
            : 'there is no answer'));
        this.status = status;
        this.problem = problem;
        this.errors = problem?.errors ?? [];
    }

    // The detail, and what is said of each field.
    get text() {
        return [this.message, ...this.errors.map(({ field, message }) =>
            `${field} ${message}`)].join('; ');
    }
}


export function setToken(text) {
    token = text;
}


export function hasToken() {
    return token !== '';
}


export function splitPath(name, rest = '') {
    return `${API}splits/${encodeURIComponent(name)}${rest}`;
}


export async function getJson(path) {
    return call('GET', path);
}


export async function getText(path) {
    return call('GET', path, {}, 'text');
}


// null for what this gateway does not have, which is not asked again soon.

export function getIfThere(path) {
    return unlessAbsent(path, () => getJson(path));
}


// What a /readyz says, whether its status is 200 or 503.  Another error is
// `down'; where the gateway itself has no answer nothing is known.

export function getHealth(path) {
    return unlessAbsent(path, async () => {
        try {
            return await getJson(path);

        } catch (error) {
            if (error.status === 404 || error.status === 0) {
                throw error;
            }

            return toHealth(error.problem);
        }
    });
}


// A problem of the gateway has a number as its status.

function toHealth(problem) {
    return typeof problem?.status === 'string' ? problem
        : { status: 'down', detail: problem?.detail };
}


async function unlessAbsent(path, get) {
    if (absent.get(path) > performance.now()) {
        return null;
    }

    try {
        return await get();

    } catch (error) {
        if (error.status !== 404) {
            throw error;
        }

        absent.set(path, performance.now() + LATER);
        return null;
    }
}


// A change of a split, based on the generation that its author has seen; the
// new state.

export async function change(method, path, body, options) {
    const headers = { 'If-Match': `"${options.generation}"` };

    if (body) {
        headers['Content-Type'] = 'application/json';
    }

    if (token) {
        headers.Authorization = `Bearer ${token}`;
    }

    if (options.reason) {
        headers['X-Reason'] = bytes(options.reason);
    }

    if (options.by) {
        headers['X-Changed-By'] = bytes(options.by);
    }

    return call(method, path, {
        headers, body: body && JSON.stringify(body),
    });
}


// Headers carry bytes: UTF-8, one byte a character.

function bytes(text) {
    return String.fromCharCode(...new TextEncoder().encode(text));
}


// Half an answer is none.  `as' is the name of what reads its body.

async function call(method, path, options = {}, as = 'json') {
    let response;

    try {
        response = await fetch(path, {
            method, ...OPTIONS, ...options, signal: AbortSignal.timeout(LIMIT),
        });

        if (response.ok) {
            return await response[as]();
        }

    } catch {
        throw new ApiError(0);
    }

    throw new ApiError(response.status,
        await response.json().catch(() => null));
}
