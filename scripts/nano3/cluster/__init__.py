"""Where does a step run? Starting ranks, the controller on a cluster, preemption, the cluster's profile."""
