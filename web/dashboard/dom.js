// Copyright (C) Ficus authors
//
// Nodes from descriptions, and one tree made like another.  Text is only ever
// set as text: nothing here, or anywhere in the dashboard, parses markup.

const SVG = 'http://www.w3.org/2000/svg';
const SVG_NAMES = new Set(['svg', 'g', 'path', 'line', 'text', 'rect',
    'circle', 'polygon']);

// What a person changes by hand is a property of these, not an attribute.
const PROPERTIES = new Set(['value', 'checked']);


// A node.  Attributes that are null, undefined or false are left out, true is
// an empty one; children are nodes, texts, or arrays of these.

export function el(name, attributes, ...children) {
    const node = SVG_NAMES.has(name)
        ? document.createElementNS(SVG, name)
        : document.createElement(name);

    for (const [key, value] of Object.entries(attributes ?? {})) {
        set(node, key, value);
    }

    node.append(...children.flat(Infinity).filter(isShown).map(toNode));

    return node;
}


function isShown(child) {
    return child !== null && child !== undefined && child !== false
        && child !== '';
}


function toNode(child) {
    return child instanceof Node ? child : String(child);
}


function set(node, key, value) {
    if (value === null || value === undefined || value === false) {
        return;
    }

    if (PROPERTIES.has(key)) {
        node[key] = value;
        node.setAttribute(`data-${key}`, value);

    } else if (key === 'style') {
        // one by one: the policy allows no style attribute
        for (const [name, text] of Object.entries(value)) {
            node.style.setProperty(name, text);
        }

    } else {
        node.setAttribute(key, value === true ? '' : value);
    }
}


// Makes `old` what `fresh` is and keeps its nodes, so that focus, selection
// and scroll stay where they are.  Children with a data-key are known by it.

export function morph(old, fresh) {
    if (old.nodeType === Node.TEXT_NODE) {
        if (old.data !== fresh.data) {
            old.data = fresh.data;
        }

        return;
    }

    morphAttributes(old, fresh);
    morphChildren(old, fresh);

    // after its options, for a select
    morphProperties(old, fresh);
}


function morphAttributes(old, fresh) {
    for (const { name } of [...old.attributes]) {
        if (!fresh.hasAttribute(name) && !isTheirs(old, name)) {
            old.removeAttribute(name);
        }
    }

    for (const { name, value } of fresh.attributes) {
        if (name === 'style') {
            if (old.style.cssText !== fresh.style.cssText) {
                old.style.cssText = fresh.style.cssText;
            }

        } else if (old.getAttribute(name) !== value
            && !name.startsWith('data-value')
            && !name.startsWith('data-checked'))
        {
            old.setAttribute(name, value);
        }
    }
}


// What the reader of the page has opened stays open.

function isTheirs(node, name) {
    return name === 'open'
        || (PROPERTIES.has(name.slice(5)) && name.startsWith('data-'));
}


// Only what the description has changed since the last time is written: what
// somebody is typing is not.

function morphProperties(old, fresh) {
    for (const key of PROPERTIES) {
        const name = `data-${key}`;
        const value = fresh.getAttribute(name);

        if (value !== null && value !== old.getAttribute(name)) {
            old.setAttribute(name, value);

            if (old !== document.activeElement || old.type === 'range') {
                old[key] = fresh[key];
            }
        }
    }
}


function morphChildren(old, fresh) {
    const kept = keyed(old.childNodes);
    const wanted = keyed(fresh.childNodes);

    for (const [key, child] of kept) {
        if (!wanted.has(key)) {
            child.remove();
        }
    }

    let cursor = old.firstChild;

    for (const [key, child] of wanted) {
        const match = kept.get(key);

        if (!match) {
            old.insertBefore(child, cursor);
            continue;
        }

        if (match === cursor) {
            cursor = cursor.nextSibling;

        } else {
            old.insertBefore(match, cursor);
        }

        morph(match, child);
    }
}


// In their order.  One without a data-key is the n-th of its name and class, so
// that what comes and goes leaves its neighbours alone.

function keyed(nodes) {
    const counts = new Map();

    return new Map([...nodes].map((node) => {
        const kind = kindOf(node);
        const count = counts.get(kind) ?? 0;

        counts.set(kind, count + 1);

        return [`${kind} ${count}`, node];
    }));
}


function kindOf(node) {
    if (node.nodeType !== Node.ELEMENT_NODE) {
        return node.nodeName;
    }

    const name = node.dataset.key ?? node.classList[0] ?? '';

    return `${node.nodeName} ${name}`;
}
