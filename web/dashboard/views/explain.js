// Copyright (C) Ficus authors
//
// Where one key goes, and at which share it will go elsewhere.

import { el } from '../dom.js';
import { percent } from '../format.js';
import { model } from '../model.js';
import { button, panel, swatch } from './parts.js';


export function explain(split) {
    return panel('explain', 'Where does a key go?',
        el('div', { class: 'line' },
            el('input', { type: 'text', 'data-input': 'explain',
                id: 'explain-key', 'aria-label': 'Key', autocomplete: 'off',
                'aria-describedby': 'explain-hint', spellcheck: 'false' }),
            button('Look', 'explain')),
        el('p', { class: 'hint', id: 'explain-hint' },
            `The first that is not empty: ${split.key_sources.join(', ')}.`),
        el('p', { role: 'status' }, answer(split,
            model.explained?.name === split.name ? model.explained : null)));
}


function answer(split, found) {
    if (!found || found.error) {
        return found?.error;
    }

    const { key, arm, rule, changes_at: at } = found;

    return [el('b', {}, key), ' goes to ', swatch(split, arm),
        el('b', {}, arm), rule === 'breaker'
            ? ', since its own arm fails.' : '.',
        Number.isFinite(at) && ` ${split.baseline} has it at `
            + `${percent(at)} and above.`];
}
