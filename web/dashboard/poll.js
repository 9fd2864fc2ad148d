// Copyright (C) Ficus authors
//
// Repeats a task: at its pace while it succeeds and somebody looks, seldom
// while the page is hidden, ever less often while it fails, and never so that
// it takes more than a tenth of the time.

const HIDDEN = 15000;           // ms
const SLOWEST = 30000;
const SHARE = 10;


// `task' returns a promise; `failed' is told what it threw.  Returns now(),
// which runs it at once.

export function poll(task, every, failed) {
    let timer = 0;
    let failures = 0;
    let running = null;

    async function once() {
        const started = performance.now();

        try {
            await task();
            failures = 0;

        } catch (error) {
            failures++;
            failed(error);
        }

        return performance.now() - started;
    }

    function pause(took) {
        if (failures) {
            return Math.min(every * 2 ** Math.min(failures, 10), SLOWEST);
        }

        return Math.max(document.hidden ? HIDDEN : every, took * SHARE);
    }

    async function run() {
        clearTimeout(timer);
        running ??= once();

        const mine = running;
        const took = await mine;

        // somebody who waited for it, too, may have begun the next one
        if (running === mine) {
            running = null;
        }

        clearTimeout(timer);
        timer = setTimeout(run, pause(took));
    }

    // One that runs may have asked before what made it necessary.
    async function now() {
        await running;
        await run();
    }

    document.addEventListener('visibilitychange', () => {
        if (!document.hidden) {
            run();
        }
    });
    addEventListener('online', run);
    run();

    return now;
}
