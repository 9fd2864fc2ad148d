// Copyright (C) Ficus authors
//
// Sends a change, asks for the token when the gateway wants one, and tells how
// it went.

import { ApiError, change, getJson, setToken, splitPath } from './api.js';
import { announce } from './announce.js';
import { ask, field } from './dialog.js';
import { el } from './dom.js';
import { weights } from './format.js';
import { model, takeSplit, weightsOf } from './model.js';

const BRIEF = 10000;            // ms


// `options' has the generation that the change is based on, reason and by.
// Whether it was made.

export async function send(split, { method, rest, body, options, done }) {
    const path = splitPath(split.name, rest);
    let asked = false;

    for (;;) {
        try {
            takeSplit(await change(method, path, body, options));
            tell('ok', done);
            return true;

        } catch (error) {
            if (error instanceof ApiError && error.status === 401
                && await askToken(asked))
            {
                asked = true;
                continue;
            }

            await explain(split, error);
            return false;
        }
    }
}


// What went well need not be dismissed by hand.

export function tell(level, text) {
    const notice = { level, text };

    model.notice = notice;
    announce(text);

    if (level === 'ok') {
        setTimeout(() => dismiss(notice), BRIEF);
    }

    document.dispatchEvent(new Event('ficus:draw'));
    document.dispatchEvent(new Event('ficus:changed'));
}


function dismiss(notice) {
    if (model.notice === notice) {
        model.notice = null;
        document.dispatchEvent(new Event('ficus:draw'));
    }
}


async function askToken(wasWrong) {
    const answer = await ask({
        title: wasWrong ? 'That was not the token' : 'A change needs the token',
        text: el('p', {}, 'The gateway asks for its bearer token. It is kept'
            + ' until this page is closed or loaded again, and nowhere else.'),
        fields: [field('Token', { name: 'token', type: 'password',
            required: true, autocomplete: 'off', autofocus: true })],
        confirm: 'Use it',
    });

    setToken(answer?.token ?? '');

    return answer !== null;
}


async function explain(split, error) {
    if (error.status === 412) {
        await showNew(split);

    } else if (error.status === 401) {
        tell('warn', 'Nothing was changed: the gateway wants its token');

    } else if (error.status === 0
        || (error.status >= 500 && !error.problem))
    {
        // such a status is that of a proxy, who may know as little
        tell('bad', 'There was no answer: the change may have been made or'
            + ' not; the figures will tell');

    } else {
        tell('bad', `Nothing was changed: ${error.text ?? error}`);
    }
}


// Somebody was faster: what it is now, and the draft is gone.

async function showNew({ name }) {
    model.draft = null;

    try {
        const now = await getJson(splitPath(name));

        takeSplit(now);
        tell('warn', 'Nothing was changed: somebody else has changed it'
            + ` meanwhile. Now: ${weights(weightsOf(now))}, by`
            + ` ${now.changed_by} (${now.reason})`);

    } catch {
        tell('warn', 'Nothing was changed: somebody else has changed it'
            + ' meanwhile');
    }
}
