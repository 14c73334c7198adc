# SPDX-License-Identifier: GPL-2.0-only
# What is installed for people: the programs, their manual pages and gwctl's completion. Pages and scripts are made by
# gwctl from its own tables and the configuration's schema, so they are of this very build.
include(GNUInstallDirs)
set(made ${CMAKE_BINARY_DIR}/share)
file(MAKE_DIRECTORY ${made})
set(pages)
foreach(page gwctl.1 gateway.yaml.5)
	add_custom_command(OUTPUT ${made}/${page} COMMAND gwctl __man ${page} > ${page} DEPENDS gwctl
		WORKING_DIRECTORY ${made} VERBATIM)
	list(APPEND pages ${made}/${page})
endforeach()
foreach(page gatewayd.8 e1exchange.1)
	string(REGEX REPLACE "\\.[0-9]$" "" name ${page})
	add_custom_command(OUTPUT ${made}/${page}
		COMMAND sh -c "\"$1\" --help >\"$2.help\" && \"$3\" __man \"$2\" <\"$2.help\" >\"$2\"" sh
			$<TARGET_FILE:${name}> ${page} $<TARGET_FILE:gwctl>
		DEPENDS gwctl ${name} WORKING_DIRECTORY ${made} VERBATIM)
	list(APPEND pages ${made}/${page})
endforeach()
foreach(shell bash zsh)
	add_custom_command(OUTPUT ${made}/completion.${shell} COMMAND gwctl completion ${shell} > completion.${shell}
		DEPENDS gwctl WORKING_DIRECTORY ${made} VERBATIM)
endforeach()
add_custom_target(manual ALL DEPENDS ${pages} ${made}/completion.bash ${made}/completion.zsh)

install(TARGETS gwctl e1exchange RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS gatewayd RUNTIME DESTINATION ${CMAKE_INSTALL_SBINDIR})
install(FILES ${made}/gwctl.1 ${made}/e1exchange.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${made}/gateway.yaml.5 DESTINATION ${CMAKE_INSTALL_MANDIR}/man5)
install(FILES ${made}/gatewayd.8 DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)
install(FILES ${made}/completion.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME gwctl)
install(FILES ${made}/completion.zsh DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions RENAME _gwctl)
