
/*
 * Copyright (C) Ficus authors
 */


/*
 * Whether one arm does worse than another, asked as often as one likes.
 *
 * The test is an e-process for two streams of yes and no, in blocks: Turner,
 * Ly and Gruenwald, "Generic E-variables for exact sequential k-sample tests
 * that allow for optional stopping" (arXiv 2106.02693), and for a margin
 * between the two Turner and Gruenwald, "Exact anytime-valid confidence
 * intervals for contingency tables and beyond" (arXiv 2203.09785).  As long as
 * the new arm's rate is at most the baseline's plus the margin, whatever both
 * are and however they change, the product of the blocks' values ever reaches
 * 1/alpha with a probability of at most alpha.
 *
 * Pure functions; no state but what is handed in.
 */


#ifndef NGX_HTTP_STRANGLER_EVIDENCE_H_INCLUDED
#define NGX_HTTP_STRANGLER_EVIDENCE_H_INCLUDED


typedef struct {
    double   n;             /* tries */
    double   x;             /* of which were bad */
} ngx_http_strangler_sample_t;


/*
 * The logarithm of the value of a block: its samples of the new arm and of the
 * baseline, and what both had before it, from which the bet on it is made.
 */

double ngx_http_strangler_evidence(const ngx_http_strangler_sample_t *arm,
    const ngx_http_strangler_sample_t *base,
    const ngx_http_strangler_sample_t *arm_before,
    const ngx_http_strangler_sample_t *base_before, double margin);


#endif /* NGX_HTTP_STRANGLER_EVIDENCE_H_INCLUDED */
