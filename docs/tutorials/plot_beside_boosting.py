"""
Random effects beside gradient boosting
=======================================

Trees split on what is common to many rows; a column of thousands of ids is not. Three
ways to bring the two together.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sentences import Say
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import TargetEncoder

from skmixed import MixedEffectsRegressor, MixedLinearRegressor, RandomEffectEncoder

# %%
# Sales of 400 shops
# ------------------
#
# A curve that trees find, and shops that differ; most shops have few rows.

rng = np.random.default_rng(0)
shop = np.sort(rng.choice(400, size=6000, p=rng.dirichlet(np.full(400, 0.7))))
data = pd.DataFrame({"shop": shop.astype(str)})
data["price"], data["week"] = rng.uniform(-2, 2, size=(2, len(data)))
level = rng.normal(scale=1.0, size=400)[shop]
curve = np.sin(2 * data["price"]) + np.where(data["week"] > 0, data["price"], 0)
data["sales"] = curve + level + rng.normal(scale=1.0, size=len(data))
train, test = train_test_split(data, random_state=0)
boosting = HistGradientBoostingRegressor(max_iter=100, random_state=0)

# %%
# Five models
# -----------

features = ["price", "week", "shop"]

target = make_column_transformer(
    (TargetEncoder(target_type="continuous"), ["shop"]), remainder="passthrough"
)
effects = RandomEffectEncoder(columns=["shop"], fixed=["price", "week"], random_state=0)
models = {
    "boosting, no shop": boosting,
    "target encoder": make_pipeline(target, boosting),
    "random effects as a column": make_pipeline(effects, boosting),
    "random effects around trees": MixedEffectsRegressor(
        boosting, "sales ~ 1 + (1 | shop)", random_state=0
    ),
    "linear mixed model": MixedLinearRegressor("~ bs(price, df=6) * week + (1 | shop)"),
}
errors = {}
for name, model in models.items():
    columns = features[:2] if name == "boosting, no shop" else features
    predicted = model.fit(train[columns], train["sales"]).predict(test[columns])
    errors[name] = root_mean_squared_error(test["sales"], predicted)
figure, ax = plt.subplots(figsize=(5, 2.4), layout="constrained")
ax.barh(list(errors), list(errors.values()), color="tab:blue")
ax.axvline(1.0, color="black", lw=0.8)
ax.set_xlabel("root mean squared error; the noise has 1.0")
ax.invert_yaxis()

# %%
# What each of them knows
# -----------------------
#
# With random effects around the trees, shops have variances, intervals, and new shops
# are known after their first rows.

around = models["random effects around trees"]
rows = test[features].head(3)
around.predict_interval(rows)

# %%

new = data[data["shop"] == data["shop"].value_counts().index[20]].assign(shop="new")
before = around.predict(new[features][5:])
after = around.adapt(new[features][:5], new["sales"][:5]).predict(new[features][5:])
Say(
    "A new shop: error "
    f"{root_mean_squared_error(new['sales'][5:], before):.2f} before its first five "
    f"rows, {root_mean_squared_error(new['sales'][5:], after):.2f} after."
)

# %%
# What to deploy
# --------------

best = min(errors, key=errors.get)
Say(
    f"Lowest error here: {best}, {errors[best]:.3f}. Take the encoder where the rest "
    "of a pipeline stays as it is, random effects around the trees where groups shall "
    "have intervals or new ones arrive, and the linear model where its curves will do: "
    "it says what each effect is."
)
