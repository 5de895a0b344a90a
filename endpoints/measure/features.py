"""Which pyradiomics feature is which IBSI feature; what IBSI does not define is not asked for."""

from collections.abc import Mapping
from types import MappingProxyType

from endpoints.measure.settings import Family

STATISTICS: Mapping[str, str] = MappingProxyType(
    {
        "Mean": "stat_mean",
        "Variance": "stat_var",
        "Skewness": "stat_skew",
        "Kurtosis": "stat_kurt",
        "Median": "stat_median",
        "Minimum": "stat_min",
        "10Percentile": "stat_p10",
        "90Percentile": "stat_p90",
        "Maximum": "stat_max",
        "InterquartileRange": "stat_iqr",
        "Range": "stat_range",
        "MeanAbsoluteDeviation": "stat_mad",
        "RobustMeanAbsoluteDeviation": "stat_rmad",
        "Energy": "stat_energy",
        "RootMeanSquared": "stat_rms",
    }
)
HISTOGRAM: Mapping[str, str] = MappingProxyType({"Entropy": "ih_entropy", "Uniformity": "ih_uniformity"})
GLCM: Mapping[str, str] = MappingProxyType(
    {
        "MaximumProbability": "cm_joint_max",
        "JointAverage": "cm_joint_avg",
        "SumSquares": "cm_joint_var",
        "JointEntropy": "cm_joint_entr",
        "DifferenceAverage": "cm_diff_avg",
        "DifferenceVariance": "cm_diff_var",
        "DifferenceEntropy": "cm_diff_entr",
        "SumAverage": "cm_sum_avg",
        "SumEntropy": "cm_sum_entr",
        "JointEnergy": "cm_energy",
        "Contrast": "cm_contrast",
        "Id": "cm_inv_diff",
        "Idn": "cm_inv_diff_norm",
        "Idm": "cm_inv_diff_mom",
        "Idmn": "cm_inv_diff_mom_norm",
        "InverseVariance": "cm_inv_var",
        "Correlation": "cm_corr",
        "Autocorrelation": "cm_auto_corr",
        "ClusterTendency": "cm_clust_tend",
        "ClusterShade": "cm_clust_shade",
        "ClusterProminence": "cm_clust_prom",
        "Imc1": "cm_info_corr1",
        "Imc2": "cm_info_corr2",
    }
)
GLRLM: Mapping[str, str] = MappingProxyType(
    {
        "ShortRunEmphasis": "rlm_sre",
        "LongRunEmphasis": "rlm_lre",
        "LowGrayLevelRunEmphasis": "rlm_lgre",
        "HighGrayLevelRunEmphasis": "rlm_hgre",
        "ShortRunLowGrayLevelEmphasis": "rlm_srlge",
        "ShortRunHighGrayLevelEmphasis": "rlm_srhge",
        "LongRunLowGrayLevelEmphasis": "rlm_lrlge",
        "LongRunHighGrayLevelEmphasis": "rlm_lrhge",
        "GrayLevelNonUniformity": "rlm_glnu",
        "GrayLevelNonUniformityNormalized": "rlm_glnu_norm",
        "RunLengthNonUniformity": "rlm_rlnu",
        "RunLengthNonUniformityNormalized": "rlm_rlnu_norm",
        "RunPercentage": "rlm_r_perc",
        "GrayLevelVariance": "rlm_gl_var",
        "RunVariance": "rlm_rl_var",
        "RunEntropy": "rlm_rl_entr",
    }
)
GLSZM: Mapping[str, str] = MappingProxyType(
    {
        "SmallAreaEmphasis": "szm_sze",
        "LargeAreaEmphasis": "szm_lze",
        "LowGrayLevelZoneEmphasis": "szm_lgze",
        "HighGrayLevelZoneEmphasis": "szm_hgze",
        "SmallAreaLowGrayLevelEmphasis": "szm_szlge",
        "SmallAreaHighGrayLevelEmphasis": "szm_szhge",
        "LargeAreaLowGrayLevelEmphasis": "szm_lzlge",
        "LargeAreaHighGrayLevelEmphasis": "szm_lzhge",
        "GrayLevelNonUniformity": "szm_glnu",
        "GrayLevelNonUniformityNormalized": "szm_glnu_norm",
        "SizeZoneNonUniformity": "szm_zsnu",
        "SizeZoneNonUniformityNormalized": "szm_zsnu_norm",
        "ZonePercentage": "szm_z_perc",
        "GrayLevelVariance": "szm_gl_var",
        "ZoneVariance": "szm_zs_var",
        "ZoneEntropy": "szm_zs_entr",
    }
)
NGTDM: Mapping[str, str] = MappingProxyType(
    {
        "Coarseness": "ngt_coarseness",
        "Contrast": "ngt_contrast",
        "Busyness": "ngt_busyness",
        "Complexity": "ngt_complexity",
        "Strength": "ngt_strength",
    }
)
NGLDM: Mapping[str, str] = MappingProxyType(
    {
        "SmallDependenceEmphasis": "ngl_lde",
        "LargeDependenceEmphasis": "ngl_hde",
        "LowGrayLevelEmphasis": "ngl_lgce",
        "HighGrayLevelEmphasis": "ngl_hgce",
        "SmallDependenceLowGrayLevelEmphasis": "ngl_ldlge",
        "SmallDependenceHighGrayLevelEmphasis": "ngl_ldhge",
        "LargeDependenceLowGrayLevelEmphasis": "ngl_hdlge",
        "LargeDependenceHighGrayLevelEmphasis": "ngl_hdhge",
        "GrayLevelNonUniformity": "ngl_glnu",
        "DependenceNonUniformity": "ngl_dcnu",
        "DependenceNonUniformityNormalized": "ngl_dcnu_norm",
        "GrayLevelVariance": "ngl_gl_var",
        "DependenceVariance": "ngl_dc_var",
        "DependenceEntropy": "ngl_dc_entr",
    }
)
# pyradiomics dropped these names because another feature of a symmetric matrix has the same value.
SAME_VALUE: Mapping[str, str] = MappingProxyType({"cm_dissimilarity": "cm_diff_avg", "cm_sum_var": "cm_clust_tend"})
TAGS: Mapping[Family, Mapping[str, str]] = MappingProxyType(
    {
        Family.STATISTICS: STATISTICS,
        Family.HISTOGRAM: HISTOGRAM,
        Family.GLCM: GLCM,
        Family.GLRLM: GLRLM,
        Family.GLSZM: GLSZM,
        Family.NGTDM: NGTDM,
        Family.NGLDM: NGLDM,
    }
)
