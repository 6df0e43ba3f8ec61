"""
Twenty thousand genes
=====================

One mixed model for each gene, fitted together. The p-values of an effect that few genes
have are flat but for a peak at zero.
"""

import numpy as np
import pandas as pd
from picture import plt, show

from skmixed import MixedLinearRegressor, fit_many

rng, n_genes, donor = np.random.default_rng(0), 20_000, np.repeat(np.arange(60), 4)
table = pd.DataFrame({"donor": donor, "dose": rng.normal(size=240), "age": donor % 7})
effect = np.where(rng.random(n_genes) < 0.05, 0.5, 0.0)
noise = np.sqrt(8.0 / rng.chisquare(8.0, n_genes)) * rng.normal(size=(240, n_genes))
level = (rng.normal(size=(60, n_genes)) * rng.gamma(1.5, 0.4, n_genes))[donor]
Y = table[["dose"]].to_numpy() * effect + level + noise
genes = fit_many(MixedLinearRegressor("~ dose + age + (1 | donor)"), table, Y)
dose = genes.moderated().xs("dose", level="coefficient")

_, axes = plt.subplots(2, 1, figsize=(5.6, 7.2), layout="constrained")
axes[0].hist(dose["p"], bins=50, color="#0072B2")
axes[0].set(xlabel="p-value of the dose", ylabel="genes")
axes[1].hist(genes.shares["donor"], bins=50, color="#0072B2")
axes[1].set(xlabel="share of the donors in a gene's variance", ylabel="genes")
show()
