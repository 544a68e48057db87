/* ensemble.h: an ensemble of decision trees as plain data: what model files of other programs
 * hold and what a gbdt of ours is. The codecs (codec/) turn their bytes into one and back, the
 * engine (engine/model/exchange.h) turns it into a model and back; neither knows the other.
 *
 * A row's score for output c is base[c] plus the values of the leaves it reaches in the trees
 * t with t % k == c, in order; with `vectors` in all trees, and a leaf has k values. link turns
 * scores into answers; a forest's are probabilities already. Codecs read neither. A split sends a missing value to
 * its own side; a number left when it is <= threshold; a category left when its code is in
 * the set. Codes beyond the levels count as missing. Everything lives in the arena. Units: cover is a sum of hessians, gain a reduction of loss; 0 where not known. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ensemble_link {
    ENSEMBLE_IDENTITY,
    ENSEMBLE_LOGISTIC,
    ENSEMBLE_SOFTMAX,
    ENSEMBLE_EXP, /* answers are e^score */
    ENSEMBLE_PROBABILITY
};

struct ensemble_feature {
    const char *name;
    size_t n_levels;           /* 0: a number */
    const char *const *levels; /* text of code i */
};

struct ensemble_node {
    double threshold, gain, cover;
    uint32_t feature;
    bool cat, missing_left;
    int32_t left, right;  /* >= 0: inner node of the tree, after this one; < 0: the leaf ~child */
    const uint32_t *set;  /* cat: n_words words of 32 codes */
    uint32_t n_words;
};

struct ensemble_tree {
    uint32_t n_leaves; /* n_leaves - 1 nodes */
    struct ensemble_node *nodes;
    double *values, *covers; /* of leaves; vectors: values[leaf * k + c] */
};

struct ensemble {
    struct arena *arena;
    enum ensemble_link link;
    bool vectors;
    size_t k; /* outputs: 1, or the classes of a softmax */
    double *base;
    size_t n_features, n_trees;
    struct ensemble_feature *features;
    struct ensemble_tree *trees;
    const char *target;         /* NULL: not known */
    const char *const *classes; /* labels in class order; NULL: not known */
    size_t n_classes;           /* 0: regression */
};

#define ENSEMBLE_MAX_FEATURES 100000
#define ENSEMBLE_MAX_LEAVES   65536
#define ENSEMBLE_MAX_CLASSES  1000
#define ENSEMBLE_MAX_LEVELS   (1 << 22) /* of all features together */
#define ENSEMBLE_MAX_WORDS    (1 << 26) /* of all sets together */

/* Whether it is what this file says: every index in bounds, every tree one tree, every number
 * finite. ERR_PARSE names the tree. What a codec read must pass here before anybody uses it. */
int ensemble_check(const struct ensemble *m, struct err *e);
