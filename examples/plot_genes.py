"""
Twenty thousand genes
=====================

Expression of many genes in tissues of sixty donors: one mixed model for each, all
fitted together. The p-values of an effect that few genes have are flat but for a peak
at zero; variances of the residual, drawn towards what the genes have in common, sharpen
the tests.
"""

from time import process_time

import numpy as np
import pandas as pd
from picture import plt, show

from skmixed import MixedLinearRegressor, fit_many

rng, n_genes = np.random.default_rng(0), 20_000
donor = np.repeat(np.arange(60), 4)
table = pd.DataFrame({"donor": donor, "dose": rng.normal(size=240), "age": donor % 7})
effect = np.where(rng.random(n_genes) < 0.05, 0.5, 0.0)
sigma = np.sqrt(8.0 / rng.chisquare(8.0, n_genes))
Y = table[["dose"]].to_numpy() * effect + sigma * rng.normal(size=(240, n_genes))
Y += (rng.normal(size=(60, n_genes)) * rng.gamma(1.5, 0.4, n_genes))[donor]

start = process_time()
genes = fit_many(MixedLinearRegressor("~ dose + age + (1 | donor)"), table, Y)
print(f"{n_genes:,} genes: {process_time() - start:.1f} s")
dose = genes.moderated().xs("dose", level="coefficient")
found = dose["p_adjusted"].to_numpy() < 0.05
print(f"{found.sum()} genes found, {(found & (effect > 0)).sum()} of which have it")

_, axes = plt.subplots(2, 1, figsize=(5.6, 7.2), layout="constrained")
axes[0].hist(dose["p"], bins=50, color="#0072B2")
axes[0].set(xlabel="p-value of the dose", ylabel="genes")
axes[1].hist(genes.shares["donor"], bins=50, color="#0072B2")
axes[1].set(xlabel="share of the donors in a gene's variance", ylabel="genes")
show()
