// Copyright (C) Ficus authors
//
// Questions.  A dialog is made when it is asked, keeps the keyboard inside
// while it is open, and is gone afterwards.

import { el } from './dom.js';

let count = 0;


// Asks with the fields of a form: { title, text, fields, confirm, danger }.
// `fields' are nodes whose inputs have names.  The values by name, or null
// when the answer was no.

export function ask({ title, text, fields = [], confirm, danger }) {
    const id = `dialog-${++count}`;
    const form = el('form', { method: 'dialog' },
        el('h2', { id }, title),
        text, fields,
        el('div', { class: 'buttons' },
            el('button', { value: 'yes', class: danger ? 'danger' : 'primary' },
                confirm),
            el('button', { value: 'no', formnovalidate: true }, 'Cancel')));
    const dialog = el('dialog', { 'aria-labelledby': id }, form);

    return new Promise((resolve) => {
        dialog.addEventListener('close', () => {
            const yes = dialog.returnValue === 'yes';

            dialog.remove();
            resolve(yes ? Object.fromEntries(new FormData(form)) : null);
        });
        document.body.append(dialog);
        dialog.showModal();
    });
}


export function field(label, attributes, hint) {
    const id = `field-${++count}`;

    return el('div', { class: 'row' },
        el('label', { for: id }, label),
        el('input', { id, 'aria-describedby': hint && `${id}-hint`,
            ...attributes }),
        hint && el('p', { class: 'hint', id: `${id}-hint` }, hint));
}


export function choice(label, name, values, chosen) {
    const id = `field-${++count}`;

    return el('div', { class: 'row' },
        el('label', { for: id }, label),
        el('select', { id, name }, values.map(([value, text]) =>
            el('option', { value, selected: value === chosen }, text))));
}
