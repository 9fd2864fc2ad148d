// Copyright (C) Ficus authors
//
// What the buttons and fields of the page do, by the names in their data-action
// and data-input.

import { getJson, setToken, splitPath } from './api.js';
import { ask, field } from './dialog.js';
import { el } from './dom.js';
import { percent } from './format.js';
import { detailsOf, draftOf, model, selectedSplit, weightsOf }
    from './model.js';
import { abortRamp, resumeRamp, pauseRamp, startRamp } from './ramps.js';
import { comparison, reasonFields, toOptions } from './questions.js';
import { send, tell } from './send.js';
import { isDirty } from './views/editor.js';
import { isUnderWay } from './views/ramp.js';

export const actions = {
    review,
    reset() {
        model.draft = null;
        redraw();
    },
    preset: ({ arm, share }) => setWeight(arm, Number(share)),
    back,
    rollback,
    shadow,
    explain: look,
    dismiss() {
        model.notice = null;
        redraw();
    },
    'forget-token'() {
        setToken('');
        tell('ok', 'The token is forgotten');
    },
    'ramp-start': startRamp,
    'ramp-pause': pauseRamp,
    'ramp-resume': resumeRamp,
    'ramp-abort': abortRamp,
    skip() {
        document.getElementById('split').focus();
    },
};

export const inputs = {
    slider: { input: slide, keydown: step },
    weight: {
        input({ target }) {
            setWeight(target.dataset.arm, Number(target.value));
        },
    },
    explain: {
        keydown({ key }) {
            if (key === 'Enter') {
                look();
            }
        },
    },
    filter: {
        input({ target }) {
            model.filter = target.value;
            redraw();
        },
    },
};

let looks = 0;                  // how often somebody asked where a key goes


function redraw() {
    document.dispatchEvent(new Event('ficus:draw'));
}


// Of two arms the other one gets the rest.

function setWeight(name, weight) {
    const split = selectedSplit();
    const value = Math.min(Math.max(Math.round(weight * 100) / 100 || 0, 0),
        100);

    if (!isDirty(split)) {
        model.draft = { name: split.name, generation: split.generation,
            weights: weightsOf(split) };
    }

    model.draft.weights[name] = value;

    if (split.arms.length === 2) {
        const other = split.arms.find((arm) => arm.name !== name).name;

        model.draft.weights[other] = Math.round(10000 - value * 100) / 100;
    }

    redraw();
}


function slide({ target }) {
    setWeight(selectedSplit().arms[0].name, Number(target.value));
}


function step(event) {
    const sign = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1,
        ArrowDown: -1 }[event.key];

    if (sign) {
        event.preventDefault();
        event.target.value = Number(event.target.value)
            + sign * (event.shiftKey ? 0.01 : 1);
        slide(event);
    }
}


// Every change of weights goes this way.

async function review() {
    const split = selectedSplit();
    const { generation, weights } = draftOf(split);

    await changeWeights(split, weights, generation, 'Change the weights?',
        'Change them');
}


async function back() {
    const split = selectedSplit();
    const weights = Object.fromEntries(split.arms.map(({ name }) =>
        [name, name === split.baseline ? 100 : 0]));

    await changeWeights(split, weights, split.generation,
        `Send everything to ${split.baseline}?`,
        `Send everything to ${split.baseline}`, true);
}


async function changeWeights(split, weights, generation, title, confirm,
    danger)
{
    const answer = await ask({
        title, confirm, danger,
        text: [comparison(split, weights), rampEnds(split)],
        fields: reasonFields(),
    });

    if (answer && await send(split, {
        method: 'PUT', rest: '/weights', body: weights,
        options: toOptions(answer, generation),
        done: 'The weights are changed, for every request from now on',
    })) {
        model.draft = null;
        redraw();
    }
}


function rampEnds({ ramp }) {
    return isUnderWay(ramp) && el('p', { class: 'effect' },
        'This ends the ramp that is under way.');
}


async function rollback({ generation }) {
    const split = selectedSplit();
    const record = detailsOf(split).history.find((one) =>
        String(one.generation) === generation);
    const answer = await ask({
        title: `Go back to generation ${generation}?`,
        confirm: 'Go back',
        text: [comparison(split, record.weights), rampEnds(split)],
        fields: reasonFields(),
    });

    if (answer) {
        await send(split, {
            method: 'POST', rest: '/rollback',
            body: { generation: record.generation },
            options: toOptions(answer, split.generation),
            done: `The weights are those of generation ${generation}`,
        });
    }
}


async function look() {
    const key = document.getElementById('explain-key').value;
    const { name } = selectedSplit();
    const asked = ++looks;
    const found = key === '' ? null : await getJson(splitPath(name,
        `/explain?key=${encodeURIComponent(key)}`)).catch((error) =>
        ({ error: error.text ?? String(error) }));

    // an answer may come after that to a later question
    if (asked === looks) {
        model.explained = found && { ...found, name };
        redraw();
    }
}


async function shadow() {
    const split = selectedSplit();
    const answer = await ask({
        title: 'Which share is compared?',
        confirm: 'Set it',
        text: el('p', {}, 'That many of a hundred safe requests go to the'
            + ' other arm, too; nobody waits for its answers. 0 stops it.'),
        fields: [field('Per cent', { name: 'share', type: 'number', min: 0,
            max: 100, step: 0.01, required: true,
            value: split.shadow.share })],
    });

    if (answer) {
        await send(split, {
            method: 'PUT', rest: '/shadow',
            body: { share: Number(answer.share) },
            options: { generation: split.generation },
            done: `${percent(Number(answer.share))} are compared`,
        });
    }
}
